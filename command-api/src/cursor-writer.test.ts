import { conversationSubject, decodeCommit, isKnown, readsSubject } from '@parley/contracts';
import { LogUnavailable, MemoryEventLog, Metrics } from '@parley/runtime';
import { expect, test } from 'vitest';
import { CursorWriter } from './cursor-writer.ts';
import { declareCommandMetrics } from './metrics.ts';
import { DeafLog } from './testing/writer-rig.ts';

const conversationId = '01900000-0000-7000-8000-0000000000c1';
const writerOn = (log: MemoryEventLog | DeafLog) =>
  new CursorWriter(log, declareCommandMetrics(new Metrics('test')), Date.now);

async function cursorsOf(log: MemoryEventLog): Promise<[string, number][][]> {
  const commits: [string, number][][] = [];
  for await (const page of log.read(readsSubject(conversationId), 0)) {
    for (const { payload } of page) {
      const [event] = decodeCommit(payload, { check: true });
      if (!event || !isKnown(event) || event.type !== 'cursors.advanced') throw new Error('not cursors');
      commits.push(event.data.entries.map(({ userId, readOrdinal }) => [userId, readOrdinal]));
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
    [
      ['anna', 7],
      ['ben', 7],
    ],
  ]);
  expect(writer.held(conversationId, 'anna')).toMatchObject({ ordinal: 7, sequence: 1 });
  writer.remember(conversationId, 'anna', { ordinal: 2, sequence: 9 });
  expect(writer.held(conversationId, 'anna')?.ordinal).toBe(7);
});

test('stores every cursor of 1,200 users in commits of at most 500, none on the conversation itself', async () => {
  const log = new MemoryEventLog();
  const writer = writerOn(log);
  const users = Array.from({ length: 1_200 }, (_, n) => `user-${n}`);
  await Promise.all(users.map((userId) => writer.advance({ conversationId, userId, readOrdinal: 1 })));
  const commits = await cursorsOf(log);
  expect(commits.map((commit) => commit.length)).toEqual([500, 500, 200]);
  expect(new Set(commits.flat().map(([userId]) => userId)).size).toBe(1_200);
  expect(await log.lastSequence(conversationSubject(conversationId))).toBe(0);
});

test('tells everybody when the log is away, believes nothing, and goes on when it is back', async () => {
  const log = new MemoryEventLog();
  let away = true;
  const writer = writerOn(new DeafLog(log, () => (away ? 'lose the request' : 'answer')));
  const cursor = { conversationId, userId: 'anna', readOrdinal: 1 };
  const outcomes = await Promise.allSettled([writer.advance(cursor), writer.advance(cursor)]);
  expect(outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason)).toEqual([
    expect.any(LogUnavailable),
    expect.any(LogUnavailable),
  ]);
  expect(writer.held(conversationId, 'anna')).toBeUndefined();
  away = false;
  expect(await writer.advance(cursor)).toBe(1);
});
