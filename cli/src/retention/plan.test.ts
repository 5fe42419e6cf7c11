import fc from 'fast-check';
import { expect, test } from 'vitest';
import { barriersTo, type Limit, lowestLimit, purgeThrough } from './plan.ts';

const sequence = fc.nat(1_000);
const limit: fc.Arbitrary<Limit> = sequence.map((through) => ({ through, because: `it ends at ${through}` }));

test('nothing is removed beyond the archive, the age, any checkpoint or reader, the snapshot, a needed commit or the last one', () => {
  fc.assert(
    fc.property(
      fc.tuple(limit, limit, limit, limit),
      fc.integer({ min: 1, max: 1_000 }),
      fc.option(sequence),
      fc.option(fc.integer({ min: 1, max: 1_000 })),
      (limits, last, snapshot, neededFrom) => {
        const { through } = lowestLimit(limits);
        const bound = purgeThrough(through, { last, snapshot, neededFrom });
        for (const each of limits) expect(bound).toBeLessThanOrEqual(each.through);
        expect(bound).toBeLessThan(last);
        if (snapshot !== null) expect(bound).toBeLessThanOrEqual(snapshot);
        if (neededFrom !== null) expect(bound).toBeLessThan(neededFrom);
        // And it is the highest such: one more would break one of these.
        const all = [
          ...limits.map((each) => each.through),
          last - 1,
          snapshot ?? bound,
          (neededFrom ?? bound + 1) - 1,
        ];
        expect(all).toContain(bound);
      },
    ),
  );
});

test('the limit that is told is the lowest', () => {
  const limits = [9, 4, 7].map((through) => ({ through, because: `at ${through}` }));
  const [first, ...others] = limits;
  expect(first && lowestLimit([first, ...others])).toEqual({ through: 4, because: 'at 4' });
});

test('every limit that keeps what is old is told, the lowest first', () => {
  const limits = [9, 4, 8, 7].map((through) => ({ through, because: `at ${through}` }));
  const told = barriersTo({ through: 8, because: 'young' }, limits).map(({ because }) => because);
  expect(told).toEqual(['at 4', 'at 7']);
});
