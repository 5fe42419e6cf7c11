import type { CommitItem } from '@parley/contracts';
import { expect, test } from 'vitest';
import {
  expireTyping,
  nextExpiry,
  type TypingState,
  takeSpoken,
  takeTyping,
  typersIn,
} from './typing-state.ts';

const NOBODY: TypingState = new Map();
const notice = (user: string, on = true, conversation = 'c1') => ({ conversation, user, on, ttlMs: 6_000 });

test('somebody types until they say that they stopped', () => {
  const ann = takeTyping(NOBODY, notice('ann'), 0);
  const both = takeTyping(ann, notice('bob'), 1_000);
  expect(typersIn(both, 'c1')).toEqual(['ann', 'bob']);
  expect(typersIn(both, 'c2')).toEqual([]);
  expect(typersIn(takeTyping(both, notice('ann', false), 2_000), 'c1')).toEqual(['bob']);
});

test('a notice is over after its time, one that was renewed later', () => {
  const both = takeTyping(takeTyping(NOBODY, notice('ann'), 0), notice('bob'), 1_000);
  const renewed = takeTyping(both, notice('ann'), 4_000);
  expect(nextExpiry(renewed)).toBe(7_000);
  expect(typersIn(expireTyping(renewed, 6_999), 'c1')).toEqual(['ann', 'bob']);
  expect(typersIn(expireTyping(renewed, 7_000), 'c1')).toEqual(['ann']);
  expect(nextExpiry(expireTyping(renewed, 10_000))).toBeNull();
});

test('who has sent the message types no more, there alone', () => {
  const here = takeTyping(NOBODY, notice('ann'), 0);
  const both = takeTyping(here, notice('ann', true, 'c2'), 0);
  const sent = { type: 'message.sent', subject: 'conversation/c1', actor: 'ann', dataschema: '', data: {} };
  const commit = { seq: 7, events: [sent] } as unknown as CommitItem;
  expect(typersIn(takeSpoken(both, commit), 'c1')).toEqual([]);
  expect(typersIn(takeSpoken(both, commit), 'c2')).toEqual(['ann']);
  expect(takeSpoken(NOBODY, commit)).toBe(NOBODY);
});

test('what says nothing new leaves the same object', () => {
  const ann = takeTyping(NOBODY, notice('ann'), 0);
  expect(takeTyping(ann, notice('bob', false), 0)).toBe(ann);
  expect(expireTyping(ann, 5_999)).toBe(ann);
});
