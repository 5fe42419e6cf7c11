import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TypingTable } from './typing-table.ts';

test('who goes on typing is passed on every two seconds', () => {
  const table = new TypingTable();
  const passed = [0, 500, 1_999, 2_000, 3_000, 4_500].filter((now) => table.say('c', 'ann', true, now));
  expect(passed).toEqual([0, 2_000, 4_500]);
});

test('"off" is passed on once, and only when an "on" stands', () => {
  const table = new TypingTable();
  expect(table.say('c', 'ann', false, 0)).toBe(false);
  table.say('c', 'ann', true, 0);
  expect([100, 200].map((now) => table.say('c', 'ann', false, now))).toEqual([true, false]);
  table.say('c', 'ann', true, 3_000);
  expect(table.say('c', 'ann', false, 9_000)).toBe(false);
});

test('on and off in turns is no way around the throttle', () => {
  const table = new TypingTable();
  const said = Array.from({ length: 40 }, (_, i) => ({ on: i % 2 === 0, now: i * 100 }));
  expect(said.filter(({ on, now }) => table.say('c', 'ann', on, now)).length).toBeLessThanOrEqual(4);
});

test('conversations and users are throttled apart', () => {
  const table = new TypingTable();
  expect(
    [
      ['a', 'ann'],
      ['a', 'bob'],
      ['b', 'ann'],
    ].map(([c = '', u = '']) => table.say(c, u, true, 0)),
  ).toEqual([true, true, true]);
  expect(table.where('ann', 10)).toEqual(['a', 'b']);
});

test('an eleventh typer is not passed on until one stops or runs out, wherever they are connected', () => {
  const table = new TypingTable();
  for (let i = 0; i < 5; i++) table.say('c', `here${i}`, true, i);
  for (let i = 0; i < 5; i++) table.hear('c', `there${i}`, true, i);
  expect(table.say('c', 'late', true, 10)).toBe(false);
  expect(table.say('c', 'late', false, 10)).toBe(false);
  expect(table.say('other', 'late', true, 10)).toBe(true);
  table.hear('c', 'there0', false, 20);
  expect(table.say('c', 'late', true, 30)).toBe(true);
  expect(table.say('c', 'later', true, 30)).toBe(false);
  expect(table.say('c', 'later', true, 6_001)).toBe(true);
});

test('never more than ten stand at once, never two "on" of one user within two seconds, and nothing is kept', () => {
  const step = fc.record({
    conversation: fc.constantFrom('a', 'b'),
    user: fc.nat(20),
    on: fc.boolean(),
    later: fc.nat(900),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const table = new TypingTable();
      const stands = new Map<string, number>();
      const last = new Map<string, number>();
      let now = 0;
      for (const { conversation, user, on, later } of steps) {
        now += later;
        const key = `${conversation}${user}`;
        if (!table.say(conversation, String(user), on, now)) continue;
        for (const [other, at] of stands) if (now >= at + 6_000) stands.delete(other);
        if (on) {
          expect(now - (last.get(key) ?? -2_000)).toBeGreaterThanOrEqual(2_000);
          last.set(key, now);
          stands.set(key, now);
        } else expect(stands.delete(key)).toBe(true);
        const here = [...stands.keys()].filter((other) => other.startsWith(conversation));
        expect(here.length).toBeLessThanOrEqual(10);
      }
      table.hear('another', 'x', false, now + 6_000);
      expect(table.size).toBe(1);
    }),
  );
});
