import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Ring } from './ring.ts';

test('gives everything after a sequence that it covers, and covers as much as its limits allow', () => {
  const gaps = fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 200 });
  fc.assert(
    fc.property(gaps, fc.integer({ min: 0, max: 20 }), fc.nat(600), (steps, maxCommits, after) => {
      const ring = new Ring(0, { maxBytes: Number.POSITIVE_INFINITY, maxCommits });
      const sequences: number[] = [];
      for (const step of steps) {
        const sequence = (sequences.at(-1) ?? 0) + step;
        sequences.push(sequence);
        ring.push({ kind: 'hidden', sequence });
      }
      expect(ring.tail).toBe(sequences.at(-1) ?? 0);
      expect([...ring.after(ring.coveredAfter)]).toHaveLength(Math.min(maxCommits, sequences.length));
      if (!ring.covers(after)) return;
      const expected = sequences.filter((sequence) => sequence > after);
      expect([...ring.after(after)].map(({ sequence }) => sequence)).toEqual(expected);
    }),
  );
});

test('stays within its bytes however long it runs', () => {
  const ring = new Ring(0, { maxBytes: 10_000, maxCommits: 1_000_000 });
  for (let sequence = 1; sequence <= 50_000; sequence++) ring.push({ kind: 'hidden', sequence });
  expect(ring.bytes).toBeLessThanOrEqual(10_000);
  expect(ring.coveredAfter).toBeGreaterThan(49_900);
  expect([...ring.after(ring.coveredAfter)].at(-1)?.sequence).toBe(50_000);
});
