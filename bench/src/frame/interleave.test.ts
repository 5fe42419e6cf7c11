import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { interleave, orderOf } from './interleave.ts';

const sides = fc.uniqueArray(fc.string(), { minLength: 2, maxLength: 8 });

describe('interleaving', () => {
  it('runs every side once in every round', () => {
    fc.assert(
      fc.property(sides, fc.nat(40), (names, round) => {
        expect([...orderOf(names, round)].sort()).toEqual([...names].sort());
      }),
    );
  });

  it('gives every side every place over twice as many rounds as there are sides', () => {
    fc.assert(
      fc.property(sides, (names) => {
        const orders = Array.from({ length: 2 * names.length }, (_, round) => orderOf(names, round));
        for (const name of names) {
          expect(new Set(orders.map((order) => order.indexOf(name))).size).toBe(names.length);
        }
      }),
    );
  });

  it('turns the order round in every other round', () => {
    expect(orderOf(['a', 'b'], 1)).toEqual(orderOf(['a', 'b'], 0).reverse());
  });

  it('keeps the samples of each side in the order of the rounds', async () => {
    let runs = 0;
    const side = (name: string) => ({ name, run: async () => ({ run: runs++ }) });
    const samples = await interleave([side('a'), side('b')], 2, () => undefined);
    expect(samples.get('a')).toEqual([{ run: 0 }, { run: 3 }]);
    expect(samples.get('b')).toEqual([{ run: 1 }, { run: 2 }]);
  });
});
