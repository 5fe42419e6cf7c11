import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DueQueue } from './due-queue.ts';

test('who is due is taken once, in bounded batches, and nobody before their time', () => {
  const queue = new DueQueue<string>();
  for (const [index, key] of ['a', 'b', 'c'].entries()) queue.set(key, index);
  expect(queue.take(1, 9)).toEqual(['a', 'b']);
  expect(queue.take(1, 9)).toEqual([]);
  queue.set('a', 2);
  queue.set('b', Number.POSITIVE_INFINITY);
  expect(queue.take(1e12, 1)).toEqual(['c']);
  expect(queue.take(1e12, 1)).toEqual(['a']);
  expect(queue.take(1e12, 1)).toEqual([]);
});

test('whatever is set, moved, deleted and taken, those are due whose time has come', () => {
  const key = fc.nat(8);
  const step = fc.oneof(
    fc.record({ do: fc.constant('set' as const), key, at: fc.nat(300) }),
    fc.record({ do: fc.constant('delete' as const), key }),
    fc.record({ do: fc.constant('take' as const), now: fc.nat(300), limit: fc.integer({ min: 1, max: 9 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const queue = new DueQueue<number>();
      const dueAt = new Map<number, number>();
      for (const next of steps) {
        if (next.do === 'set') {
          queue.set(next.key, next.at);
          dueAt.set(next.key, next.at);
        } else if (next.do === 'delete') {
          queue.delete(next.key);
          dueAt.delete(next.key);
        } else {
          const due = [...dueAt].filter(([, at]) => at <= next.now).map(([due]) => due);
          const taken = queue.take(next.now, next.limit);
          expect(taken).toHaveLength(Math.min(due.length, next.limit));
          expect(due).toEqual(expect.arrayContaining(taken));
          expect(new Set(taken).size).toBe(taken.length);
          for (const one of taken) dueAt.delete(one);
        }
      }
    }),
  );
});
