import { encodeCommit, type LogEvent, userSubject } from '@parley/contracts';
import { type CommitRecord, type EventLog, MemoryEventLog } from '@parley/runtime';
import fc from 'fast-check';
import type { Pool } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openReadModel } from './read-model.ts';
import { timeOf, uuid } from './testing/commit.ts';
import { deadLetters, logger, privatePostgres } from './testing/database.ts';
import { cut, give, rewind, startLane } from './testing/lanes.ts';
import { keyOf, recomputeUsers, USER_TABLES, type UserTables } from './testing/recompute-users.ts';
import { recordUserHistory, userEvent, userFacts } from './testing/user-history.ts';

const ROOM = uuid(0xa0000000);
const TABLES = Object.keys(USER_TABLES) as (keyof typeof USER_TABLES)[];

let postgres: Awaited<ReturnType<typeof privatePostgres>>;
let pool: Pool;
beforeAll(async () => {
  postgres = await privatePostgres();
  pool = openReadModel({ databaseUrl: await postgres.readModel(), connections: 4, name: 'test', logger });
});
afterAll(async () => {
  await pool?.end();
  await postgres?.stop();
});
beforeEach(empty);

async function empty(): Promise<void> {
  const tables = [...TABLES, 'command_results', 'checkpoints', 'dead_letters'].map(
    (table) => `read_model.${table}`,
  );
  await pool.query(`TRUNCATE ${tables}`);
}

async function written(): Promise<UserTables> {
  const tables = await Promise.all(
    TABLES.map(async (table) => {
      const { rows } = await pool.query(`SELECT * FROM read_model.${table}`);
      return [table, new Map(rows.map((row) => [keyOf(table, row), row]))];
    }),
  );
  return Object.fromEntries(tables);
}

async function rowsOf(table: keyof typeof USER_TABLES): Promise<Record<string, unknown>[]> {
  return [...(await written())[table].values()];
}

async function append(log: EventLog, user: string, events: LogEvent[], after = 0): Promise<CommitRecord> {
  const outcome = await log.append({
    subject: userSubject(user),
    commitId: uuid(0xc0000000 + after),
    payload: encodeCommit(events),
    expectedLastSequence: after,
  });
  const record = outcome.kind === 'appended' ? await log.at(outcome.sequence) : null;
  if (!record) throw new Error('conflict');
  return record;
}

describe('rows of users', () => {
  it('are what the events say one by one, however the log is cut and whatever is delivered again', async () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 15 }), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(userFacts, cuts, fc.nat(100), async (facts, sizes, back) => {
        await empty();
        const log = new MemoryEventLog();
        const records = await recordUserHistory(log, facts);
        const expected = recomputeUsers(records);
        const one = await startLane(pool, log);
        for (const batch of cut(records, sizes)) await give(one.lane, batch);
        expect([one.lane.fault, one.lost]).toEqual([null, []]);
        expect(await written()).toEqual(expected);

        const to = back % records.length;
        await rewind(pool, records[to]);
        const again = await startLane(pool, log);
        for (const batch of cut(records.slice(to + 1), [7])) await give(again.lane, batch);
        expect([again.lane.fault, again.lost]).toEqual([null, []]);
        expect(await written()).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  it('begin with the first event, also one of a type that this build does not know', async () => {
    const log = new MemoryEventLog();
    const { lane } = await startLane(pool, log);
    const later = {
      ...userEvent('ann', 'user.blocked', { userId: 'bob' }, { version: 1 }),
      type: 'user.levitated',
    };
    const first = await append(log, 'ann', [later as unknown as LogEvent]);
    const blocked = userEvent('ann', 'user.blocked', { userId: 'bob' }, { version: 2 });
    await give(lane, [first, await append(log, 'ann', [blocked], 1)]);
    expect(lane.fault).toBeNull();
    expect(await rowsOf('users')).toMatchObject([{ user_id: 'ann', version: 2, sequence: '2' }]);
    expect(await rowsOf('blocks')).toMatchObject([{ user_id: 'ann', blocked_id: 'bob' }]);
  });

  it('hold times that Postgres would refuse, instead of halting the lane', async () => {
    const log = new MemoryEventLog();
    const { lane } = await startLane(pool, log);
    const mute = (conversationId: string, until: string, version: number) =>
      userEvent('ann', 'inbox.muted', { conversationId, until }, { version });
    const events = [
      mute(ROOM, '0000-01-01T00:00:00Z', 1),
      mute(uuid(8), `2026-01-01T00:00:09.${'1'.repeat(300)}Z`, 2),
    ];
    await give(lane, [await append(log, 'ann', events)]);
    expect(lane.fault).toBeNull();
    const until = (await rowsOf('user_conversations')).map((row) => row.muted_until);
    expect(until).toHaveLength(2);
    expect(until).toContainEqual(new Date(0));
    expect(until).toContainEqual(new Date(Date.parse(timeOf(9)) + 111));
  });
});

describe('a lane', () => {
  it('knows how far users are applied from the tables, whatever their ids are made of', async () => {
    const users = ['ann', 'dän.*>', '~tilde', 'quote" \\ {NULL}'];
    const log = new MemoryEventLog();
    const first = await Promise.all(
      users.map((user) =>
        append(log, user, [userEvent(user, 'inbox.archived', { conversationId: ROOM }, { version: 1 })]),
      ),
    );
    await give((await startLane(pool, log)).lane, first);
    const { lane } = await startLane(pool, log);
    const second: CommitRecord[] = [];
    for (const [index, user] of users.entries()) {
      const unarchived = userEvent(user, 'inbox.unarchived', { conversationId: ROOM }, { version: 2 });
      second.push(await append(log, user, [unarchived], first[index]?.sequence));
    }
    await give(lane, second);
    expect(lane.fault).toBeNull();
    expect((await rowsOf('users')).map(({ version }) => version)).toEqual([2, 2, 2, 2]);
  });

  it('parks a user at a version that is missing, also when it has to look the user up', async () => {
    const log = new MemoryEventLog();
    const pinned = (version: number) =>
      userEvent('ann', 'inbox.pinned', { conversationId: ROOM }, { version });
    await give((await startLane(pool, log)).lane, [await append(log, 'ann', [pinned(1)])]);
    const { lane } = await startLane(pool, log);
    await give(lane, [await append(log, 'ann', [pinned(3)], 1)]);
    expect(lane.fault).toBeNull();
    expect(await deadLetters(pool)).toMatchObject([
      { key: 'user.ann', sequence: '2', reason: expect.stringContaining('has version 3, expected 2') },
    ]);
  });

  it('parks the user when the row that it has written is gone', async () => {
    const log = new MemoryEventLog();
    const { lane } = await startLane(pool, log);
    const pinned = (version: number) =>
      userEvent('ann', 'inbox.pinned', { conversationId: ROOM }, { version });
    await give(lane, [await append(log, 'ann', [pinned(1)])]);
    await pool.query('DELETE FROM read_model.users');
    await give(lane, [await append(log, 'ann', [pinned(2)], 1)]);
    expect(lane.fault).toBeNull();
    expect(await deadLetters(pool)).toMatchObject([{ key: 'user.ann', sequence: '2' }]);
  });
});
