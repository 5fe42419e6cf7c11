import { conversationSubject, encodeCommit } from '@parley/contracts';
import { type CommitRecord, MemoryEventLog } from '@parley/runtime';
import type { Pool } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { listDeadLetters } from './dead-letter-wishes.ts';
import { openReadModel } from './read-model.ts';
import { created, cursors, numbered, ROOM, sent, uuid } from './testing/commit.ts';
import { allRows, deadLetters, emptyReadModel, logger, privatePostgres } from './testing/database.ts';
import { cut, give, rewind, startLane } from './testing/lanes.ts';
import { allOf, refusing, unreadable } from './testing/poison.ts';

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

async function room(texts: number): Promise<{ log: MemoryEventLog; records: CommitRecord[] }> {
  const log = new MemoryEventLog();
  const facts = [created(['ann', 'bob']), ...Array.from({ length: texts }, (_, n) => sent(n + 1))];
  for (const [index, fact] of facts.entries()) {
    await log.append({
      subject: conversationSubject(ROOM),
      commitId: uuid(0xc0000000 + index),
      payload: encodeCommit(numbered([{ ...fact, commandid: uuid(0xd0000000 + index) }], index + 1)),
      expectedLastSequence: index,
    });
  }
  return { log, records: await allOf(log) };
}

describe('a retry', () => {
  it('applies what is before a commit that fails again, which stays first with what is wrong now', async () => {
    const { log, records } = await room(20);
    const refused = new Set([5, 17]);
    const { lane } = await startLane(pool, log, { write: refusing(refused) });
    await give(lane, records);
    expect(await listDeadLetters(pool)).toMatchObject([{ sequence: 5, attempts: 3, commits: 17 }]);
    await lane.retry(`conv.${ROOM}`, log);
    expect(await listDeadLetters(pool)).toMatchObject([{ sequence: 5, attempts: 4, commits: 17 }]);
    refused.delete(5);
    await lane.retry(`conv.${ROOM}`, log);
    expect(await listDeadLetters(pool)).toMatchObject([
      {
        sequence: 17,
        attempts: 1,
        commits: 5,
        reason: expect.stringContaining('integer'),
        retryWanted: false,
      },
    ]);
    expect((await allRows(pool)).messages).toHaveLength(15);
    refused.clear();
    await lane.retry(`conv.${ROOM}`, log);
    expect(await listDeadLetters(pool)).toEqual([]);
    expect((await allRows(pool)).messages).toHaveLength(20);
  });

  it('that comes while batches are taken loses and doubles nothing', async () => {
    const { log, records } = await room(30);
    const refused = new Set([4]);
    const { lane } = await startLane(pool, log, { write: refusing(refused) });
    await give(lane, records.slice(0, 6));
    refused.clear();
    const retried: Promise<void>[] = [];
    for (const batch of cut(records.slice(6), [3])) {
      const taken = give(lane, batch);
      retried.push(lane.retry(`conv.${ROOM}`, log));
      await taken;
    }
    await Promise.all(retried);
    await lane.retry(`conv.${ROOM}`, log);
    expect([lane.fault, await deadLetters(pool)]).toEqual([null, []]);
    expect((await allRows(pool)).messages).toHaveLength(30);
  });

  it('of a commit that the log does not hold any more says so', async () => {
    const { records } = await room(3);
    const other = new MemoryEventLog();
    const { lane } = await startLane(pool, other, { write: refusing(new Set([2])) });
    await give(lane, records);
    await lane.retry(`conv.${ROOM}`, other);
    expect((await listDeadLetters(pool))[0]?.reason).toContain('does not hold this commit any more');
  });

  it('of an owner that was followed by another writes nothing', async () => {
    const { log, records } = await room(3);
    const refused = new Set([2]);
    const zombie = await startLane(pool, log, { write: refusing(refused) });
    await give(zombie.lane, records);
    await startLane(pool, log);
    refused.clear();
    await zombie.lane.retry(`conv.${ROOM}`, log);
    expect(zombie.lost).toHaveLength(1);
    expect(await listDeadLetters(pool)).toMatchObject([{ commits: 3 }]);
  });
});

it('what is delivered again is parked once', async () => {
  const { log, records } = await room(4);
  const write = refusing(new Set([3]));
  const one = await startLane(pool, log, { write });
  await give(one.lane, records);
  const before = await deadLetters(pool);
  await rewind(pool, records[0]);
  const again = await startLane(pool, log, { write });
  await give(again.lane, records.slice(1));
  expect(again.lane.fault).toBeNull();
  expect(await deadLetters(pool)).toEqual(before);
});

it('cursors that cannot be read are parked alone, each for itself', async () => {
  const { log, records } = await room(3);
  const subject = conversationSubject(ROOM).replace(/\.conv\..*/, '.reads');
  const payload = encodeCommit([cursors([{ userId: 'bob', readOrdinal: 2 }])]);
  for (const index of [0, 1]) {
    await log.append({ subject, commitId: uuid(0xb0000000 + index), payload, expectedLastSequence: 'any' });
  }
  const reads = (await allOf(log)).slice(-2);
  const { lane } = await startLane(pool, log);
  await give(lane, [...records, ...reads.map(unreadable)]);
  expect(await deadLetters(pool)).toMatchObject([{ sequence: '5' }, { sequence: '6' }]);
  expect((await allRows(pool)).members).toMatchObject([{ read_ordinal: 3 }, { read_ordinal: 0 }]);
  for (const key of [...lane.parked]) await lane.retry(key, log);
  expect(await deadLetters(pool)).toEqual([]);
  expect((await allRows(pool)).members).toMatchObject([{ read_ordinal: 3 }, { read_ordinal: 2 }]);
});

it('a conversation whose id no table can hold is parked', async () => {
  const { log, records } = await room(1);
  const [first] = records;
  if (!first) throw new Error('no commit');
  const { lane } = await startLane(pool, log);
  await give(lane, [first, { ...first, sequence: 2, subject: 'evt.00.conv.no-uuid' }]);
  expect([lane.fault, lane.position]).toEqual([null, 2]);
  expect(await deadLetters(pool)).toMatchObject([{ key: 'conv.no-uuid', sequence: '2' }]);
});

it('what is parked while the first look at dead letters is under way is not forgotten by its late answer', async () => {
  const { log, records } = await room(2);
  const refused = new Set([2]);
  let looked = false;
  let answer = (): void => undefined;
  const late = new Promise<void>((resolve) => {
    answer = resolve;
  });
  // As on a busy machine: the answer to the first look is there, but is read after the batch was written.
  const slow = new Proxy(pool, {
    get(target, name) {
      if (name !== 'query') return Reflect.get(target, name, target);
      return async (...args: Parameters<Pool['query']>) => {
        const isFirst = !looked;
        looked = true;
        const result = await target.query(...args);
        if (isFirst) await late;
        return result;
      };
    },
  });
  const { lane } = await startLane(slow, log, { write: refusing(refused) });
  const loading = lane.load();
  const given = give(lane, records);
  await Promise.race([given, new Promise((resolve) => setTimeout(resolve, 1_000))]);
  answer();
  await Promise.all([loading, given]);
  expect([...lane.parked]).toEqual([`conv.${ROOM}`]);
});
