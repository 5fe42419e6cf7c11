import type { CommitItem } from '@parley/contracts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  beginLoad,
  cutOff,
  endLoad,
  type Fold,
  failLoad,
  isExact,
  type Kept,
  takeCommit,
  UNKNOWN,
  wantsLoad,
} from './kept.ts';

/** The sequences that it has seen, without a gap. */
type Seen = readonly number[];
const commit = (seq: number): CommitItem => ({ seq, events: [] });
const upTo = (seq: number): Seen => Array.from({ length: seq }, (_, index) => index + 1);

const fold: Fold<Seen> = {
  apply: (seen, { seq }) => (seq <= (seen.at(-1) ?? 0) ? seen : [...seen, seq]),
  isStale: () => false,
};

type Move = 'happens' | 'delivered' | 'begin' | 'answer' | 'fail' | 'reset';
const moves = fc.array(
  fc.constantFrom<Move>('happens', 'happens', 'delivered', 'delivered', 'begin', 'answer', 'fail', 'reset'),
  { minLength: 20, maxLength: 80 },
);

test('whatever order answers, commits and resets come in: what is exact lacks nothing and has nothing twice', () => {
  let exact = 0;
  fc.assert(
    fc.property(moves, fc.nat({ max: 3 }), (story, late) => {
      let kept: Kept<Seen> = UNKNOWN;
      let [log, delivered] = [0, 0];
      let answer: number | null = null;
      for (const [index, move] of story.entries()) {
        if (move === 'happens') log++;
        else if (move === 'delivered' && delivered < log) kept = takeCommit(kept, commit(++delivered), fold);
        else if (move === 'begin' && wantsLoad(kept, fold)) {
          kept = beginLoad(kept);
          // At least where the subscription is, at most what has happened.
          answer = Math.max(delivered, log - ((index + late) % 4));
        } else if (move === 'answer' && answer !== null) {
          kept = endLoad(kept, upTo(answer), fold);
          answer = null;
        } else if (move === 'fail' && answer !== null) {
          kept = failLoad(kept);
          answer = null;
        } else if (move === 'reset') {
          // The subscription goes on from the end: what is between is not delivered.
          delivered = log;
          kept = cutOff(kept, index % 2 === 0);
        }
        if (!isExact(kept, fold)) continue;
        exact++;
        const last = kept.model?.at(-1) ?? 0;
        expect(kept.model).toEqual(upTo(last));
        expect(last).toBeGreaterThanOrEqual(delivered);
      }
      expect(kept.since === null).toBe(answer === null);
    }),
    { numRuns: 2_000 },
  );
  expect(exact).toBeGreaterThan(1_000);
});

test('a model that holds no more is shown as it was, and loaded anew', () => {
  const ends: Fold<Seen> = { ...fold, apply: () => null };
  const kept = takeCommit(endLoad(beginLoad(UNKNOWN as Kept<Seen>), upTo(3), ends), commit(4), ends);
  expect(kept.model).toEqual(upTo(3));
  expect(wantsLoad(kept, ends)).toBe(true);
  expect(takeCommit(kept, commit(5), ends).model).toEqual(upTo(3));
});

test('after a thousand commits the answer that is waited for is asked for again', () => {
  let kept = beginLoad(UNKNOWN as Kept<Seen>);
  for (let seq = 1; seq <= 1_001; seq++) kept = takeCommit(kept, commit(seq), fold);
  const loaded = endLoad(kept, upTo(0), fold);
  expect(loaded.model).toHaveLength(1_000);
  expect(wantsLoad(loaded, fold)).toBe(true);
});

test('another log takes everything with it', () => {
  const loaded = endLoad(beginLoad(UNKNOWN as Kept<Seen>), upTo(3), fold);
  expect(cutOff(loaded, false).model).toEqual(upTo(3));
  expect(cutOff(loaded, true).model).toBeNull();
});
