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

test('who has stopped, and begins the next message at once, is seen', () => {
  const table = new TypingTable();
  expect([true, false, true].map((on, index) => table.say('c', 'ann', on, index * 100))).toEqual([
    true,
    true,
    true,
  ]);
});

test('on and off in turns is no way around the throttle', () => {
  const table = new TypingTable();
  const said = Array.from({ length: 40 }, (_, i) => ({ on: i % 2 === 0, now: i * 50 }));
  const passed = said.filter(({ on, now }) => table.say('c', 'ann', on, now) && on);
  expect(passed.length).toBeLessThanOrEqual(5);
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

test('who types everywhere is passed on in five conversations in two seconds, and whoever stops there', () => {
  const table = new TypingTable();
  let passed = 0;
  for (let round = 0; round < 10; round++) {
    for (let room = 0; room < 50; room++) {
      for (const on of [true, false]) if (table.say(`room-${room}`, 'ann', on, round * 100)) passed += 1;
    }
  }
  expect(passed).toBe(10);
  expect(table.say('room-7', 'bob', true, 900)).toBe(true);
  expect(table.say('room-40', 'ann', true, 2_000)).toBe(true);
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

test('never more than ten stand at once, no "on" that stands is repeated within two seconds, and nothing is kept', () => {
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
        } else {
          expect(stands.delete(key)).toBe(true);
          last.delete(key);
        }
        const here = [...stands.keys()].filter((other) => other.startsWith(conversation));
        expect(here.length).toBeLessThanOrEqual(10);
      }
      table.hear('another', 'x', false, now + 6_000);
      expect(table.size).toBe(1);
    }),
  );
});
