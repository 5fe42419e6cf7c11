import { describe, expect, it } from 'vitest';
import { ratioOf, spreadOf } from './spread.ts';

const samples = new Map([
  ['ours', [{ rate: 9 }, { rate: 40 }, { rate: 5 }]],
  ['floor', [{ rate: 10 }, { rate: 50 }, { rate: 5 }]],
]);

describe('a spread', () => {
  it('has the middle of an odd and the mean of the two middles of an even number of values', () => {
    expect(spreadOf([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
    expect(spreadOf([4, 1, 2, 3]).median).toBe(2.5);
  });
});

describe('a ratio', () => {
  it('compares runs of the same round, not medians', () => {
    const ratio = ratioOf(samples, { name: 'r', of: 'ours', over: 'floor', measure: 'rate' });
    expect(ratio).toMatchObject({ median: 0.9, min: 0.8, max: 1, met: null });
  });

  it('is held against its aim', () => {
    const wish = { name: 'r', of: 'ours', over: 'floor', measure: 'rate' };
    expect(ratioOf(samples, { ...wish, aim: { atLeast: 0.85 } }).met).toBe(true);
    expect(ratioOf(samples, { ...wish, aim: { atLeast: 0.95 } }).met).toBe(false);
    expect(ratioOf(samples, { ...wish, aim: { atMost: 0.85 } }).met).toBe(false);
  });

  it('of something that was not measured meets no aim', () => {
    const ratio = ratioOf(samples, {
      name: 'r',
      of: 'ours',
      over: 'floor',
      measure: 'cpu',
      aim: { atMost: 1 },
    });
    expect(ratio.met).toBe(false);
  });
});
