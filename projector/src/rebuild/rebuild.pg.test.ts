import { conversationSubject, parseSubject } from '@parley/contracts';
import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { describe, expect, it, vi } from 'vitest';
import { conversations, messages } from '../schema.ts';
import { allRows } from '../testing/database.ts';
import { listening, OWN_ROOM, patiently, useProjectedLog } from '../testing/projected-log.ts';
import { isEqual } from '../verify/compare-read-models.ts';

const stage = useProjectedLog();

async function indexes(): Promise<string[]> {
  const { rows } = await stage.pool.query(
    "SELECT indexdef FROM pg_indexes WHERE schemaname = 'read_model' ORDER BY indexname",
  );
  return rows.map(({ indexdef }) => indexdef);
}

describe('a rebuild', () => {
  it('finds the live rows as they should be, and makes the same with the same indexes', async () => {
    const [before, indexesBefore] = [await allRows(stage.pool), await indexes()];
    const { compared, switched, resumed } = await stage.rebuild();
    expect(compared?.length).toBeGreaterThan(20);
    expect(compared?.every(isEqual)).toBe(true);
    expect(switched?.attempts).toBeGreaterThan(0);
    expect(resumed).toBe(false);
    expect(await allRows(stage.pool)).toEqual(before);
    expect(await indexes()).toEqual(indexesBefore);
    expect(await stage.schemas()).toEqual(['read_model', 'read_model_previous']);
  });

  it('says in a dry run what it would repair, and changes nothing', async () => {
    await stage.falsify();
    const before = await allRows(stage.pool);
    const { compared, switched } = await stage.rebuild({ dryRun: true });
    expect(switched).toBeNull();
    expect(compared?.filter((table) => !isEqual(table)).map(({ table }) => table)).toEqual(['messages']);
    expect(await allRows(stage.pool)).toEqual(before);
    expect(await stage.schemas()).toEqual(['read_model']);
  });

  it('exchanges only the projections that are asked for', async () => {
    await stage.falsify();
    await stage.pool.query(`UPDATE read_model.members SET role = 'false'`);
    await stage.rebuild({ tables: ['messages'] });
    const rows = await allRows(stage.pool);
    expect(rows.messages.every(({ body }) => body !== 'false')).toBe(true);
    expect(rows.members.every(({ role }) => role === 'false')).toBe(true);
    await expect(stage.rebuild({ tables: ['message'] })).rejects.toThrow('There are: audience_cursors');
  });

  it('that is throttled writes what a second brings at a time, and makes the same', async () => {
    const before = await allRows(stage.pool);
    const reached: number[] = [];
    const { progress } = listening();
    const { compared } = await stage.rebuild({
      throttle: 10,
      progress: { ...progress, reached: (done) => void reached.push(done) },
    });
    const { last } = await stage.log.bounds();
    const steps = reached.slice(0, reached.indexOf(last) + 1);
    expect(steps.length).toBeGreaterThan(2);
    for (const [index, done] of steps.entries())
      expect(done - (steps[index - 1] ?? 0)).toBeLessThanOrEqual(10);
    expect(compared?.every(isEqual)).toBe(true);
    expect(await allRows(stage.pool)).toEqual(before);
  });

  it('does not run twice at once, and says who runs', async () => {
    const outcomes = await Promise.allSettled([
      stage.rebuild({ dryRun: true }),
      stage.rebuild({ dryRun: true }),
    ]);
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(refused.map(({ reason }) => reason.message)).toEqual([
      expect.stringContaining('Another rebuild or rollback run'),
    ]);
  });

  it('compares lanes that have come differently far, each with its own', async () => {
    const checkpoints = 'SELECT lane, sequence, commit_id FROM read_model.checkpoints ORDER BY lane';
    const { rows: before } = await stage.pool.query(checkpoints);
    for (let n = 0; n < 3; n++) await stage.say();
    await stage.caughtUp();
    await stage.stopProjecting();
    // Nothing of the other lane came since.
    const other = before[1 - ((parseSubject(conversationSubject(OWN_ROOM))?.partition ?? 0) % before.length)];
    await stage.pool.query(
      'UPDATE read_model.checkpoints SET sequence = $2, commit_id = $3 WHERE lane = $1',
      [other.lane, other.sequence, other.commit_id],
    );
    const { compared, incomparable } = await stage.rebuild({ dryRun: true });
    expect(incomparable).toBeNull();
    expect(compared?.every(isEqual)).toBe(true);
  });

  it('puts nothing in place that is not as far as it was folded', async () => {
    const before = await allRows(stage.pool);
    const reader = await stage.pool.connect();
    await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    await reader.query('SELECT count(*) FROM read_model.checkpoints');
    const { said, progress } = listening();
    const rebuilding = stage.rebuild({ progress });
    const refused = expect(rebuilding).rejects.toThrow('run it again');
    await vi.waitFor(
      () => expect(said).toContainEqual(expect.stringContaining('waiting to exchange')),
      patiently,
    );
    // As after a crash of Postgres that lost its last commits.
    await stage.pool.query('UPDATE read_model_next.checkpoints SET sequence = sequence - 1');
    await reader.query('COMMIT');
    reader.release();
    await refused;
    expect(await allRows(stage.pool)).toEqual(before);
    expect(await stage.schemas()).toContain('read_model_next');
  });

  it('replaces the rows of another log', async () => {
    await stage.stopProjecting();
    await stage.pool.query(`UPDATE read_model.checkpoints SET epoch = 'another'`);
    const before = await allRows(stage.pool);
    await stage.pool.query('DELETE FROM read_model.messages');
    const { compared, incomparable } = await stage.rebuild();
    expect(compared).toBeNull();
    expect(incomparable).toContain('it is of the log another');
    expect(await allRows(stage.pool)).toEqual(before);
    await expect(stage.rollBack()).rejects.toThrow('it is of the log another');
    stage.project();
    await stage.say();
    await stage.caughtUp();
  });
});

describe('readers of the tables that are exchanged', () => {
  it('with prepared statements and built queries go on', async () => {
    const client = await stage.pool.connect();
    const db = drizzle(client);
    const count = async () => {
      const prepared = await client.query({
        name: 'all-messages',
        text: 'SELECT * FROM read_model.messages WHERE ordinal >= $1',
        values: [1],
      });
      const built = await db.select().from(messages);
      const joined = await db
        .select({ count: sql<number>`count(*)::int` })
        .from(conversations)
        .innerJoin(messages, sql`${messages.conversationId} = ${conversations.id}`);
      return [prepared.rowCount, built.length, joined[0]?.count];
    };
    const before = await count();
    // So often that Postgres keeps a plan of its own for each.
    for (let n = 0; n < 6; n++) await count();
    for (const change of ['rebuild', 'rollBack', 'rollBack'] as const) {
      await stage[change]();
      expect(await count()).toEqual(before);
    }
    client.release();
  });

  it('without a pause see no error, no older checkpoint, and no fewer rows than it says', async () => {
    let stopped = false;
    const read = async () => {
      const client = await stage.pool.connect();
      let [reads, seen] = [0, 0];
      try {
        while (!stopped) {
          await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
          const { rows } = await client.query('SELECT min(sequence)::int AS at FROM read_model.checkpoints');
          const found = await client.query(
            'SELECT count(*)::int AS results, max(sequence)::int AS newest FROM read_model.command_results',
          );
          const told = await client.query(
            `SELECT coalesce(max(version), 0) AS version FROM read_model.conversations WHERE id = '${OWN_ROOM}'`,
          );
          await client.query('COMMIT');
          expect(rows[0].at).toBeGreaterThanOrEqual(seen);
          expect(told.rows[0].version).toBeGreaterThanOrEqual(rows[0].at - first);
          expect(found.rows[0].results).toBeGreaterThan(0);
          seen = rows[0].at;
          reads += 1;
        }
      } finally {
        client.release();
      }
      return reads;
    };
    const { last: first } = await stage.log.bounds();
    const reading = Promise.all([read(), read(), read()]);
    const writing = (async () => {
      while (!stopped) {
        await stage.say();
        await new Promise((resolve) => setImmediate(resolve));
        await vi.waitFor(
          async () => expect((await stage.log.bounds()).last - (await stage.position())).toBeLessThan(50),
          patiently,
        );
      }
    })();
    try {
      for (const change of ['rebuild', 'rollBack', 'rollBack'] as const) await stage[change]();
    } finally {
      stopped = true;
    }
    await writing;
    for (const reads of await reading) expect(reads).toBeGreaterThan(10);
    await stage.caughtUp();
  });
});
