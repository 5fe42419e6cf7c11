import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Drain } from './drain.ts';

/** Moments at which each is told and closed, when somebody looks at these times. */
function run(count: number, windowMs: number, chances: readonly number[], looks: Iterable<number>) {
  let drawn = 0;
  const drain = new Drain(
    Array.from({ length: count }, (_, index) => index),
    windowMs,
    () => chances[drawn++ % chances.length] ?? 0,
  );
  const told = new Map<number, number>();
  const closed = new Map<number, number>();
  const times: number[] = [];
  for (const at of looks) {
    times.push(at);
    const { tell, close } = drain.step(at);
    for (const who of close) {
      expect(closed.has(who)).toBe(false);
      closed.set(who, at);
    }
    for (const who of tell) {
      expect(told.has(who)).toBe(false);
      told.set(who, at);
    }
    if (drain.isOver) break;
  }
  return { drain, told, closed, times };
}

function* every(stepMs: number, untilMs: number): Generator<number> {
  for (let at = 0; at <= untilMs; at += stepMs) yield at;
}

const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test('whoever is told has the time that they are told of, and everybody is told and closed by the end', () => {
  const given = fc.record({
    count: fc.nat(40),
    windowMs: fc.integer({ min: 2, max: 20_000 }),
    chances: fc.array(chance, { minLength: 1, maxLength: 40 }),
    waits: fc.array(fc.integer({ min: 1, max: 3_000 }), { minLength: 1, maxLength: 30 }),
  });
  fc.assert(
    fc.property(given, ({ count, windowMs, chances, waits }) => {
      const looks: number[] = [];
      for (let at = 0, n = 0; at <= 2 * windowMs + 6_000; at += waits[n++ % waits.length] ?? 1)
        looks.push(at);
      const { drain, told, closed, times } = run(count, windowMs, chances, looks);
      expect([told.size, closed.size, drain.isOver]).toEqual([count, count, true]);
      for (const [who, at] of closed)
        expect(at - (told.get(who) ?? at)).toBeGreaterThanOrEqual(drain.noticeMs);
      // Late by two looks at most: the one that told, and the one that closed.
      const gap = Math.max(0, ...times.map((at, n) => at - (times[n - 1] ?? at)));
      for (const at of closed.values()) expect(at).toBeLessThanOrEqual(windowMs + 2 * gap);
    }),
  );
});

test('neither the telling nor the closing of many comes at once', () => {
  const chances = Array.from({ length: 1_000 }, (_, n) => ((n * 617) % 1_000) / 1_000);
  const { told, closed } = run(1_000, 3_000, chances, every(50, 4_000));
  for (const moments of [told, closed]) {
    const each = new Map<number, number>();
    for (const at of moments.values()) each.set(at, (each.get(at) ?? 0) + 1);
    // 1,500 ms in looks of 50 ms: a thirtieth of a thousand each, give or take one.
    expect(Math.max(...each.values())).toBeLessThanOrEqual(35);
    expect(each.size).toBeGreaterThanOrEqual(30);
  }
});

test('a window of nothing gives no notice', () => {
  for (const windowMs of [0, 1]) {
    const { drain, closed } = run(3, windowMs, [0, 0.5, 0.9], [0, 1, 2]);
    expect([drain.noticeMs, closed.size]).toEqual([0, 3]);
  }
});
