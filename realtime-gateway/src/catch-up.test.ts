import { conversationSubject } from '@parley/contracts';
import { type EventLog, MemoryEventLog } from '@parley/runtime';
import { expect, test } from 'vitest';
import { foldFromLog } from './catch-up.ts';
import { Hub } from './hub.ts';
import type { Commit } from './session/commit.ts';
import { conversation, drafts, TestWriter } from './testing/commits.ts';

const [ROOM, OTHER] = [conversation(1), conversation(2)];
const faults = { gap: () => undefined, unreadable: () => undefined, unknownRules: () => undefined };

test.each([
  ['few', 10],
  ['many', 600],
])('folding one subject over %s commits decodes no other', async (_, others) => {
  const log: EventLog = new MemoryEventLog();
  const writer = new TestWriter(log);
  const mine = [await writer.commit(ROOM, drafts.created('bob'))];
  for (let n = 1; n <= others; n++) await writer.commit(OTHER, drafts.sent(n));
  mine.push(await writer.commit(ROOM, drafts.sent(1)));
  const { last } = await log.bounds();
  const hub = new Hub(last, { maxBytes: 1e9, maxCommits: 10 }, faults);
  const folded: number[] = [];
  const fold = { apply: (commit: Commit) => void folded.push(commit.sequence) };
  expect(await foldFromLog({ hub, log }, fold, 0, conversationSubject(ROOM))).toBe(last);
  expect(folded).toEqual(mine);
});
