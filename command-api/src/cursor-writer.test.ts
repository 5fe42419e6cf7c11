import { conversationSubject, decodeCommit, type EventData, isKnown, readsSubject } from '@parley/contracts';
import { LogUnavailable, MemoryEventLog, Metrics } from '@parley/runtime';
import { expect, test } from 'vitest';
import { CursorWriter } from './cursor-writer.ts';
import { declareCommandMetrics } from './metrics.ts';
import { DeafLog } from './testing/writer-rig.ts';

const conversationId = '01900000-0000-7000-8000-0000000000c1';
const writerOn = (log: MemoryEventLog | DeafLog) =>
  new CursorWriter(log, declareCommandMetrics(new Metrics('test')), Date.now);

type Entry = Omit<EventData<'cursors.advanced'>['entries'][number], 'at'>;

async function cursorsOf(log: MemoryEventLog): Promise<Entry[][]> {
  const commits: Entry[][] = [];
  for await (const page of log.read(readsSubject(conversationId), 0)) {
    for (const { payload } of page) {
      const [event] = decodeCommit(payload, { check: true });
      if (!event || !isKnown(event) || event.type !== 'cursors.advanced') throw new Error('not cursors');
      commits.push(event.data.entries.map(({ at: _, ...cursor }) => cursor));
    }
  }
  return commits;
}

test('stores the cursors of a turn in one commit, the highest of each user', async () => {
  const log = new MemoryEventLog();
  const writer = writerOn(log);
  const sequences = await Promise.all(
    [3, 7, 5].flatMap((readOrdinal) =>
      ['anna', 'ben'].map((userId) => writer.advance({ conversationId, userId, readOrdinal })),
    ),
  );
  expect(new Set(sequences)).toEqual(new Set([1]));
  expect(await cursorsOf(log)).toEqual([
    ['anna', 'ben'].map((userId) => ({ conversationId, userId, readOrdinal: 7 })),
  ]);
});

test('keeps cursors that move different things apart, and merges those that move the same', async () => {
  const log = new MemoryEventLog();
  const writer = writerOn(log);
  const anna = { conversationId, userId: 'anna' };
  const cursors = [
    { ...anna, readOrdinal: 3 },
    { ...anna, deliveredOrdinal: 9 },
    { ...anna, readOrdinal: 5, private: true as const },
    { ...anna, readOrdinal: 8, threadOrdinal: 2 },
    { ...anna, readOrdinal: 6, threadOrdinal: 2 },
    { ...anna, readOrdinal: 4, audience: true as const },
    { ...anna, readOrdinal: 1 },
  ];
  await Promise.all(cursors.map((cursor) => writer.advance(cursor)));
  expect(await cursorsOf(log)).toEqual([
    [
      { ...anna, readOrdinal: 3, deliveredOrdinal: 9 },
      { ...anna, readOrdinal: 5, private: true },
      { ...anna, readOrdinal: 8, threadOrdinal: 2 },
      { ...anna, readOrdinal: 4, audience: true },
    ],
  ]);
});

test('stores every cursor of 1,200 users in commits of at most 500, none on the conversation itself', async () => {
  const log = new MemoryEventLog();
  const writer = writerOn(log);
  const users = Array.from({ length: 1_200 }, (_, n) => `user-${n}`);
  await Promise.all(users.map((userId) => writer.advance({ conversationId, userId, readOrdinal: 1 })));
  const commits = await cursorsOf(log);
  expect(commits.map((commit) => commit.length)).toEqual([500, 500, 200]);
  expect(new Set(commits.flat().map(({ userId }) => userId)).size).toBe(1_200);
  expect(await log.lastSequence(conversationSubject(conversationId))).toBe(0);
});

test('tells everybody when the log is away, and goes on when it is back', async () => {
  const log = new MemoryEventLog();
  let away = true;
  const writer = writerOn(new DeafLog(log, () => (away ? 'lose the request' : 'answer')));
  const cursor = { conversationId, userId: 'anna', readOrdinal: 1 };
  const outcomes = await Promise.allSettled([writer.advance(cursor), writer.advance(cursor)]);
  expect(outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason)).toEqual([
    expect.any(LogUnavailable),
    expect.any(LogUnavailable),
  ]);
  away = false;
  expect(await writer.advance(cursor)).toBe(1);
});
