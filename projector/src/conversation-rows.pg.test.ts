import { MemoryEventLog } from '@parley/runtime';
import fc from 'fast-check';
import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { foldBatch } from './projections/fold-batch.ts';
import { openReadModel } from './read-model.ts';
import { commitOf, created, cursors, event, NOBODY, numbered, replied, sent } from './testing/commit.ts';
import { allRows, emptyReadModel, logger, privatePostgres, type Rows } from './testing/database.ts';
import { historyOf, recordHistory, wishes } from './testing/history.ts';
import { cut, give, rewind, startLane } from './testing/lanes.ts';
import { projected, recorded } from './testing/projected.ts';
import { writeRows } from './write-rows.ts';

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

const byNumber = (a: unknown, b: unknown): number => Number(a) - Number(b);

describe('rows', () => {
  it('say of people, pins and messages what the write side would', async () => {
    await fc.assert(
      fc.asyncProperty(wishes, fc.integer({ min: 1, max: 40 }), async (list, size) => {
        await emptyReadModel(pool);
        const log = new MemoryEventLog();
        const records = await recordHistory(log, list);
        const { lane } = await startLane(pool, log);
        for (const batch of cut(records, [size])) await give(lane, batch);
        expect(lane.fault).toBeNull();
        const rows = await allRows(pool);
        for (const room of new Set(historyOf(list).map((commit) => commit.room))) {
          const here = (table: keyof Rows) =>
            rows[table].filter(({ conversation_id }) => conversation_id === room.id);
          const there = here('members').filter(({ left_sequence }) => left_sequence === null);
          expect(new Map(there.map(({ user_id, role }) => [user_id, role]))).toEqual(room.roles);
          expect(new Set(here('bans').map(({ user_id }) => user_id))).toEqual(room.banned);
          expect(new Set(here('invites').map(({ user_id }) => user_id))).toEqual(room.invited);
          const written = here('messages').slice(room.expired);
          expect(
            written.map(({ thread_ordinal, deleted_at }) => [thread_ordinal, deleted_at !== null]),
          ).toEqual(
            room.messages.slice(room.expired).map(({ root, deleted }) => [root === 0 ? null : root, deleted]),
          );
          const gone = (ordinal: unknown) =>
            Number(ordinal) <= room.expired || room.messages[Number(ordinal) - 1]?.deleted;
          const pins = new Map(here('pins').map(({ ordinal, pinned }) => [ordinal, pinned]));
          const kept = [...pins].flatMap(([ordinal, pinned]) => (pinned && !gone(ordinal) ? [ordinal] : []));
          expect(new Set(kept)).toEqual(room.pinned);
          expect(here('message_edits').filter(({ ordinal }) => gone(ordinal))).toEqual([]);
          const newest = new Map(
            here('reactions').map((row) => [`${row.ordinal} ${row.emoji} ${row.user_id}`, row.version]),
          );
          const latest = here('reactions').filter((row) => row.latest);
          expect(latest.map(({ version }) => version)).toEqual([...newest.values()].sort(byNumber));
          const deletions = here('audit').filter(({ type }) => type === 'message.deleted');
          const told = deletions.map(({ details }) => details as { ordinal: number; reason?: string });
          expect(told.map(({ reason }) => reason)).toEqual(
            told.map(({ ordinal }) => (ordinal <= room.expired ? undefined : 'why')),
          );
          expect(rows.conversations.find(({ id }) => id === room.id)).toMatchObject({
            member_count: room.roles.size,
            message_count: room.messages.length,
            reply_count: room.messages.filter(({ root }) => root > 0).length,
            expired_ordinal: room.expired,
            version: room.version,
          });
        }
      }),
      { numRuns: 30 },
    );
  }, 120_000);

  it('do not change by old cursors that are delivered again, without a commit that would tell their age', async () => {
    await emptyReadModel(pool);
    const called = { mentions: { ...NOBODY, users: ['bob'] } };
    const { log, records } = await recorded([
      created(['ann', 'bob', 'cyn']),
      ...[1, 2, 3].map((ordinal) => sent(ordinal)),
      cursors([
        { userId: 'bob', readOrdinal: 3 },
        { userId: 'ann', readOrdinal: 3, threadOrdinal: 1 },
      ]),
      event('cursor.lowered', { userId: 'bob', ordinal: 1 }),
      replied(4, 1, { actor: 'cyn' }, called),
    ]);
    const first = await startLane(pool, log);
    await give(first.lane, records);
    const before = await allRows(pool);
    expect(before.members.find(({ user_id }) => user_id === 'bob')?.read_ordinal).toBe(1);
    await rewind(pool, records[3]);
    const again = await startLane(pool, log);
    for (const record of records.slice(4)) await give(again.lane, [record]);
    expect(again.lane.position).toBe(records.length);
    expect(await allRows(pool)).toEqual(before);
  });

  it('of a main message are three, however many the members, in three statements', async () => {
    const crowd = Array.from({ length: 2_000 }, (_, index) => `user-${index}`);
    await projected(pool, 100, created(crowd), sent(1, 'a', { actor: 'user-0' }));
    const next = commitOf(9, numbered([sent(2, 'b', { actor: 'user-1' })], 3));
    const { changes } = foldBatch([next], () => ({ version: 2, sequence: 2 }));
    const client = await pool.connect();
    try {
      const query = vi.spyOn(client, 'query');
      expect(await writeRows(client, changes)).toBe(3);
      const names = query.mock.calls.map(([statement]) => (statement as unknown as { name: string }).name);
      expect(names.sort()).toEqual(['insert-messages', 'patch-members', 'update-conversations']);
    } finally {
      client.release();
    }
  });
});
