import { randomUUID } from 'node:crypto';
import { conversationSubject, encodeCommit } from '@parley/contracts';
import { type CommitRecord, type EventLog, MemoryEventLog } from '@parley/runtime';
import fc from 'fast-check';
import type { Pool } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { noChanges } from './projections/changes.ts';
import { openReadModel } from './read-model.ts';
import { created, numbered, ROOM, sent, timeOf, uuid } from './testing/commit.ts';
import { allRows, deadLetters, emptyReadModel, logger, privatePostgres } from './testing/database.ts';
import { recordHistory, wishes } from './testing/history.ts';
import { cut, give, received, rewind, startLane } from './testing/lanes.ts';
import { recomputeUnread } from './testing/recompute.ts';
import { OwnershipLost, writeBatch } from './write-batch.ts';

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
beforeEach(() => emptyReadModel(pool));

async function append(log: EventLog, sequence: number, events: Parameters<typeof encodeCommit>[0]) {
  await log.append({
    subject: conversationSubject(ROOM),
    commitId: randomUUID(),
    payload: encodeCommit(events),
    expectedLastSequence: sequence,
  });
  return (await log.at(sequence + 1)) as CommitRecord;
}

/** As the read API computes it. */
async function unread(): Promise<Record<string, number>> {
  const { rows } = await pool.query<{ key: string; unread: number }>(
    `WITH member AS (
       SELECT m.user_id, c.*, greatest(m.read_ordinal, c.expired_ordinal,
                CASE c.settings ->> 'historyVisibility' WHEN 'joined' THEN m.joined_ordinal END) AS floor
         FROM read_model.members m JOIN read_model.conversations c ON c.id = m.conversation_id
        WHERE m.left_sequence IS NULL)
     SELECT id || ' ' || user_id AS key,
            message_count - floor
            - (reply_count - coalesce((SELECT replies FROM read_model.messages
                                        WHERE conversation_id = id AND ordinal = floor), 0))
            - (SELECT count(*)::int FROM read_model.messages
                WHERE conversation_id = id AND ordinal > floor AND deleted_at IS NOT NULL
                  AND thread_ordinal IS NULL) AS unread
       FROM member`,
  );
  return Object.fromEntries(rows.map((row) => [row.key, row.unread]));
}

describe('rows', () => {
  it('hold what the events say', async () => {
    const log = new MemoryEventLog();
    const { lane } = await startLane(pool, log);
    const metadata = { nul: 'a\u0000b', half: '\ud800', list: [1, { deep: null }] };
    const body = 'tab\tand "quotes" \\ {braces} \u{1f44b}';
    await give(lane, [
      await append(log, 0, [
        { ...created(['ann', 'bob'], { time: timeOf(1), commandid: uuid(90) }), version: 1 },
      ]),
      await append(log, 1, [
        { ...sent(1, body, { actor: 'bob', time: timeOf(2) }, { metadata }), version: 2 },
      ]),
    ]);
    expect(lane.fault).toBeNull();
    const rows = await allRows(pool);
    expect(rows.conversations).toMatchObject([
      {
        id: ROOM,
        created_at: new Date(timeOf(1)),
        member_count: 2,
        message_count: 1,
        version: 2,
        sequence: '2',
      },
    ]);
    expect(rows.members.map((row) => [row.user_id, row.read_ordinal])).toEqual([
      ['ann', 0],
      ['bob', 1],
    ]);
    expect(rows.messages[0]).toMatchObject({
      body,
      metadata,
      sequence: '2',
      version: 2,
      edit_count: 0,
    });
    expect(rows.command_results).toEqual([
      { command_id: uuid(90), aggregate: conversationSubject(ROOM), sequence: '1' },
    ]);
  });

  it('are the same however the log is cut, and whatever is delivered again; unread is what the log says', async () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(wishes, cuts, fc.nat(100), async (list, sizes, back) => {
        await emptyReadModel(pool);
        const log = new MemoryEventLog();
        const records = await recordHistory(log, list);
        const one = await startLane(pool, log);
        for (const record of records) await give(one.lane, [record]);
        const expected = await allRows(pool);
        expect(await unread()).toEqual(recomputeUnread(records));

        await emptyReadModel(pool);
        const other = await startLane(pool, log);
        for (const batch of cut(records, sizes)) await give(other.lane, batch);
        expect(await allRows(pool)).toEqual(expected);

        await rewind(pool, records[back % records.length]);
        const again = await startLane(pool, log);
        for (const batch of cut(records.slice((back % records.length) + 1), [7]))
          await give(again.lane, batch);
        expect([one, other, again].map(({ lane, lost }) => [lane.fault, lost])).toEqual([
          [null, []],
          [null, []],
          [null, []],
        ]);
        expect(await allRows(pool)).toEqual(expected);
      }),
      { numRuns: 25 },
    );
  });
});

describe('a lane', () => {
  it('folds the next batch while one is being written, and keeps their order', async () => {
    const log = new MemoryEventLog();
    const { lane } = await startLane(pool, log);
    const records = [await append(log, 0, numbered([created()]))];
    for (let n = 1; n <= 20; n++) records.push(await append(log, n, numbered([sent(n)], n + 1)));
    for (const record of records) {
      await lane.take([received(record)], record);
    }
    await lane.settled();
    expect(lane.position).toBe(21);
    expect((await allRows(pool)).messages).toHaveLength(20);
  });

  it('parks a conversation at a version that is missing, with everything before it written', async () => {
    const log = new MemoryEventLog();
    const { lane } = await startLane(pool, log);
    const records = [
      await append(log, 0, numbered([created(['ann'])])),
      await append(log, 1, numbered([sent(1)], 2)),
      await append(log, 2, numbered([sent(3)], 4)),
      await append(log, 3, numbered([sent(4)], 5)),
    ];
    await give(lane, records);
    await give(lane, [await append(log, 4, numbered([sent(5)], 6))]);
    expect([lane.fault, lane.position]).toEqual([null, 5]);
    expect((await allRows(pool)).messages).toHaveLength(1);
    expect(await deadLetters(pool)).toMatchObject([
      { sequence: '3', attempts: 1, reason: expect.stringContaining('has version 4, expected 3') },
      { sequence: '4', attempts: 0, reason: null },
      { sequence: '5', attempts: 0, reason: null },
    ]);
  });

  it('finds the missing version also when it has to look the conversation up', async () => {
    const log = new MemoryEventLog();
    await give((await startLane(pool, log)).lane, [await append(log, 0, numbered([created()]))]);
    const { lane } = await startLane(pool, log);
    await give(lane, [await append(log, 1, numbered([sent(1)], 3))]);
    expect(await deadLetters(pool)).toMatchObject([
      { reason: expect.stringContaining('has version 3, expected 2') },
    ]);
  });

  it('parks bytes that are no commit', async () => {
    const log = new MemoryEventLog();
    const { lane } = await startLane(pool, log);
    const first = await append(log, 0, numbered([created()]));
    await give(lane, [first, { ...first, sequence: 2, payload: new TextEncoder().encode('{"no') }]);
    expect(await deadLetters(pool)).toMatchObject([
      { key: `conv.${ROOM}`, sequence: '2', reason: expect.stringContaining('not JSON') },
    ]);
  });

  it('parks rows that the tables refuse instead of trying for ever', async () => {
    const log = new MemoryEventLog();
    const { lane } = await startLane(pool, log);
    await give(lane, [
      await append(log, 0, numbered([created()])),
      await append(log, 1, numbered([sent(1)], 2)),
      await append(log, 2, numbered([sent(2, 'a', {}, { messageId: 'none' })], 3)),
    ]);
    expect([lane.fault, lane.position]).toEqual([null, 3]);
    expect(await deadLetters(pool)).toMatchObject([
      { sequence: '3', attempts: 3, reason: expect.stringContaining('uuid') },
    ]);
    expect((await allRows(pool)).messages).toHaveLength(1);
  });

  it('halts when a table is missing: that is no fault of a commit', async () => {
    const log = new MemoryEventLog();
    const { lane } = await startLane(pool, log);
    await pool.query('ALTER TABLE read_model.messages RENAME TO elsewhere');
    try {
      await give(lane, [await append(log, 0, numbered([created(), sent(1)]))]);
    } finally {
      await pool.query('ALTER TABLE read_model.elsewhere RENAME TO messages');
    }
    expect(lane.fault).toContain('cannot be written');
    expect(await deadLetters(pool)).toEqual([]);
  });

  it('moves its checkpoint when the commits are those of other lanes', async () => {
    const log = new MemoryEventLog();
    const { lane } = await startLane(pool, log);
    await lane.take([], { sequence: 9, commitId: 'of-another-lane' });
    await lane.settled();
    const { rows } = await pool.query('SELECT sequence, commit_id FROM read_model.checkpoints');
    expect(rows).toEqual([{ sequence: '9', commit_id: 'of-another-lane' }]);
  });
});

describe('of two owners', () => {
  it('the earlier one can write nothing any more', async () => {
    const log = new MemoryEventLog();
    const zombie = await startLane(pool, log);
    const owner = await startLane(pool, log);
    const first = await append(log, 0, numbered([created()]));
    await give(zombie.lane, [first]);
    expect(zombie.lost).toEqual([expect.any(OwnershipLost)]);
    expect((await allRows(pool)).conversations).toEqual([]);
    await give(owner.lane, [first]);
    expect(owner.lost).toEqual([]);
    expect((await allRows(pool)).conversations).toHaveLength(1);
  });

  it('a batch whose answer was lost is recognised as written, for its own writer only', async () => {
    const { checkpoint } = await startLane(pool, new MemoryEventLog());
    const batch = { from: checkpoint, to: { sequence: 4, commitId: 'd' }, changes: noChanges() };
    await writeBatch(pool, batch);
    await expect(writeBatch(pool, batch)).resolves.toBe(0);
    const stranger = { ...batch, from: { ...checkpoint, ownerEpoch: checkpoint.ownerEpoch - 1 } };
    await expect(writeBatch(pool, stranger)).rejects.toThrow(OwnershipLost);
  });
});
