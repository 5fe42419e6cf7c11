import { randomUUID } from 'node:crypto';
import { conversationSubject, encodeCommit, type LogEvent } from '@parley/contracts';
import { MemoryEventLog } from '@parley/runtime';
import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import fc from 'fast-check';
import type { Pool } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Projection } from '../projection.ts';
import { openReadModel } from '../read-model.ts';
import { conversations, messages } from '../schema.ts';
import { created, numbered, sent, uuid } from '../testing/commit.ts';
import { allRows, freshMetrics, logger, privatePostgres } from '../testing/database.ts';
import { recordHistory, wishes } from '../testing/history.ts';
import { isEqual } from '../verify/compare-read-models.ts';
import { type CommitSource, logSource } from './commit-source.ts';
import { dropExpiredPrevious } from './drop-expired-previous.ts';
import { type RebuildOptions, rebuildReadModel } from './rebuild.ts';
import { rollBackReadModel } from './roll-back.ts';

const OWN_ROOM = uuid(0xf0000000);
const progress = { say: () => {}, phase: () => {}, reached: () => {} };
const patiently = { timeout: 25_000, interval: 20 };

let postgres: Awaited<ReturnType<typeof privatePostgres>>;
beforeAll(async () => {
  postgres = await privatePostgres();
});
afterAll(() => postgres?.stop());

let log: MemoryEventLog;
let databaseUrl: string;
let pool: Pool;
let projection: Projection;
let version: number;
beforeEach(async () => {
  log = new MemoryEventLog();
  version = 0;
  databaseUrl = await postgres.readModel();
  pool = openReadModel({ databaseUrl, connections: 8, name: 'test', logger });
  const [days = []] = fc.sample(fc.array(wishes, { minLength: 4, maxLength: 4 }), { numRuns: 1, seed: 7 });
  await recordHistory(log, days.flat());
  projection = new Projection({ log, pool, databaseUrl, metrics: freshMetrics(), logger });
  await caughtUp();
});
afterEach(async () => {
  await projection.stop();
  await pool.end();
});

/** The live projector has written everything. */
async function caughtUp(): Promise<void> {
  const { last } = await log.bounds();
  await vi.waitFor(async () => {
    expect(projection.fault).toBeNull();
    expect(await position()).toBe(last);
  }, patiently);
}

async function position(): Promise<number> {
  const { rows } = await pool.query('SELECT min(sequence)::int AS lowest FROM read_model.checkpoints');
  return rows[0].lowest ?? 0;
}

/** One more message in a room of its own. */
async function say(): Promise<void> {
  const fact: LogEvent =
    version === 0
      ? created(['ann'], { conversationId: OWN_ROOM })
      : sent(version, 'hi', { conversationId: OWN_ROOM });
  const outcome = await log.append({
    subject: conversationSubject(OWN_ROOM),
    commitId: randomUUID(),
    payload: encodeCommit(numbered([fact], version + 1)),
    expectedLastSequence: await log.lastSequence(conversationSubject(OWN_ROOM)),
  });
  if (outcome.kind !== 'appended') throw new Error('conflict');
  version += 1;
}

const rebuild = (options: Partial<RebuildOptions> = {}) =>
  rebuildReadModel({ databaseUrl, log, logger, progress, keepOldMs: 3_600_000, ...options });
const rollBack = () => rollBackReadModel({ databaseUrl, log, logger, progress, keepOldMs: 3_600_000 });

const falsify = () => pool.query(`UPDATE read_model.messages SET body = 'false' WHERE deleted_at IS NULL`);

async function schemas(): Promise<string[]> {
  const { rows } = await pool.query(
    "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'read_model%' ORDER BY 1",
  );
  return rows.map(({ nspname }) => nspname);
}

async function indexes(): Promise<string[]> {
  const { rows } = await pool.query(
    "SELECT indexdef FROM pg_indexes WHERE schemaname = 'read_model' ORDER BY indexname",
  );
  return rows.map(({ indexdef }) => indexdef);
}

describe('a rebuild', () => {
  it('finds the live rows as they should be, and makes the same with the same indexes', async () => {
    const [before, indexesBefore] = [await allRows(pool), await indexes()];
    const { compared, switched, resumed } = await rebuild();
    expect(compared?.length).toBeGreaterThan(20);
    expect(compared?.every(isEqual)).toBe(true);
    expect(switched?.attempts).toBeGreaterThan(0);
    expect(resumed).toBe(false);
    expect(await allRows(pool)).toEqual(before);
    expect(await indexes()).toEqual(indexesBefore);
    expect(await schemas()).toEqual(['read_model', 'read_model_previous']);
  });

  it('says in a dry run what it would repair, and changes nothing', async () => {
    await falsify();
    const before = await allRows(pool);
    const { compared, switched } = await rebuild({ dryRun: true });
    expect(switched).toBeNull();
    expect(compared?.filter((table) => !isEqual(table)).map(({ table }) => table)).toEqual(['messages']);
    expect(await allRows(pool)).toEqual(before);
    expect(await schemas()).toEqual(['read_model']);
  });

  it('repairs the rows, and the projector goes on by itself after it, back and forward again', async () => {
    const right = await allRows(pool);
    await falsify();
    const wrong = await allRows(pool);
    await rebuild();
    expect(await allRows(pool)).toEqual(right);
    await rollBack();
    expect(await allRows(pool)).toEqual(wrong);
    await rollBack();
    expect(await allRows(pool)).toEqual(right);
    await say();
    await say();
    await caughtUp();
    expect(
      (await pool.query(`SELECT FROM read_model.messages WHERE conversation_id = '${OWN_ROOM}'`)).rowCount,
    ).toBe(1);
    expect((await rebuild({ dryRun: true })).compared?.every(isEqual)).toBe(true);
  });

  it('brings rows that were rolled back to what was said since', async () => {
    await rebuild();
    for (let n = 0; n < 5; n++) await say();
    await caughtUp();
    const now = await allRows(pool);
    await rollBack();
    expect(await allRows(pool)).toEqual(now);
  });

  it('exchanges only the projections that are asked for', async () => {
    await falsify();
    await pool.query(`UPDATE read_model.members SET role = 'false'`);
    await rebuild({ tables: ['messages'] });
    const rows = await allRows(pool);
    expect(rows.messages.every(({ body }) => body !== 'false')).toBe(true);
    expect(rows.members.every(({ role }) => role === 'false')).toBe(true);
    await expect(rebuild({ tables: ['message'] })).rejects.toThrow('There are: audience_cursors');
  });

  it('that was stopped in the middle goes on where it was', async () => {
    const { last } = await log.bounds();
    const middle = Math.floor(last / 2);
    const broken: CommitSource = {
      async *read(range) {
        yield* logSource(log).read({ ...range, until: Math.min(range.until, middle) });
        throw new Error('the archive is away');
      },
    };
    // Only what a slice brought is written: the first part is one of its own.
    const inParts: CommitSource = {
      async *read(range) {
        yield* logSource(log).read({ ...range, until: Math.min(range.until, middle) });
      },
    };
    await expect(rebuild({ archive: inParts })).rejects.toThrow(`The commits end at ${middle}`);
    await expect(rebuild({ archive: broken })).rejects.toThrow('the archive is away');
    const asked: number[] = [];
    const whole: CommitSource = {
      read(range) {
        asked.push(range.after);
        return logSource(log).read(range);
      },
    };
    const { resumed, compared } = await rebuild({ archive: whole });
    expect(resumed).toBe(true);
    expect(asked[0]).toBe(middle);
    expect(compared?.every(isEqual)).toBe(true);
  });

  it('keeps the old tables as long as it was told', async () => {
    await rebuild({ keepOldMs: 3_600_000 });
    expect(await dropExpiredPrevious(databaseUrl, Date.now() + 3_000_000)).toBe(false);
    expect(await dropExpiredPrevious(databaseUrl, Date.now() + 3_700_000)).toBe(true);
    expect(await schemas()).toEqual(['read_model']);
    await expect(rollBack()).rejects.toThrow('There is no previous read model');
  });

  it('does not run twice at once, and says who runs', async () => {
    const outcomes = await Promise.allSettled([rebuild({ dryRun: true }), rebuild({ dryRun: true })]);
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(refused.map(({ reason }) => reason.message)).toEqual([
      expect.stringContaining('Another rebuild or rollback run'),
    ]);
  });

  it('replaces the rows of another log', async () => {
    await projection.stop();
    await pool.query(`UPDATE read_model.checkpoints SET epoch = 'another'`);
    const before = await allRows(pool);
    await pool.query('DELETE FROM read_model.messages');
    const { compared, incomparable } = await rebuild();
    expect(compared).toBeNull();
    expect(incomparable).toContain('it is of the log another');
    expect(await allRows(pool)).toEqual(before);
    await expect(rollBack()).rejects.toThrow('it is of the log another');
    projection = new Projection({ log, pool, databaseUrl, metrics: freshMetrics(), logger });
    await say();
    await caughtUp();
  });
});

describe('readers of the tables that are exchanged', () => {
  it('with prepared statements and built queries go on', async () => {
    const client = await pool.connect();
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
    for (const change of [rebuild, rollBack, rollBack]) {
      await change();
      expect(await count()).toEqual(before);
    }
    client.release();
  });

  it('in the middle of a transaction finish it on the old tables', async () => {
    await falsify();
    const client = await pool.connect();
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    await client.query('SELECT min(sequence) FROM read_model.checkpoints');
    const waited = vi.fn();
    const rebuilding = rebuild({ progress: { ...progress, say: waited } });
    await vi.waitFor(
      () => expect(waited.mock.calls.flat()).toContainEqual(expect.stringContaining('waiting to exchange')),
      patiently,
    );
    const old = await client.query(`SELECT FROM read_model.messages WHERE body = 'false'`);
    expect(old.rowCount).toBeGreaterThan(0);
    await client.query('COMMIT');
    await rebuilding;
    const renewed = await client.query(`SELECT FROM read_model.messages WHERE body = 'false'`);
    expect(renewed.rowCount).toBe(0);
    client.release();
  });

  it('without a pause see no error, no older checkpoint, and no fewer rows than it says', async () => {
    let stopped = false;
    const read = async () => {
      const client = await pool.connect();
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
    const { last: first } = await log.bounds();
    const reading = Promise.all([read(), read(), read()]);
    const writing = (async () => {
      while (!stopped) {
        await say();
        await new Promise((resolve) => setImmediate(resolve));
        await vi.waitFor(
          async () => expect((await log.bounds()).last - (await position())).toBeLessThan(50),
          patiently,
        );
      }
    })();
    try {
      for (const change of [rebuild, rollBack, rollBack]) await change();
    } finally {
      stopped = true;
    }
    await writing;
    for (const reads of await reading) expect(reads).toBeGreaterThan(10);
    await caughtUp();
  });
});
