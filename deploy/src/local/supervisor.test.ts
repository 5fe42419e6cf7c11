import { describe, expect, it } from 'vitest';
import { pause } from './supervisor.ts';

describe('the pause before a restart', () => {
  it('doubles from a quarter of a second to five seconds', () => {
    expect([1, 2, 3, 4, 5, 6, 7].map(pause)).toEqual([250, 500, 1_000, 2_000, 4_000, 5_000, 5_000]);
  });
});
