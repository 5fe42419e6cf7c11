import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HeldCursors } from './held-cursors.ts';

const place = { conversationId: '01900000-0000-7000-8000-0000000000c1', userId: 'anna' };

test('remembers the highest of each cursor, and the commit that moved it last', () => {
  const held = new HeldCursors();
  held.learn(place, { read: 7, receipt: 7, delivered: 7, sequence: 3, version: 1 });
  held.learn(place, { read: 2, receipt: 2, delivered: 9, sequence: 4, version: 2 });
  held.learn(place, { read: 1, sequence: 8, version: 2 });
  expect(held.at(place)).toMatchObject({ read: 7, receipt: 7, delivered: 9, sequence: 4 });
});

test('keeps threads, the audience and the conversation apart', () => {
  const held = new HeldCursors();
  held.learn(place, { read: 7, version: 1 });
  held.learn({ ...place, threadOrdinal: 2 }, { read: 4, version: 1 });
  expect(held.at({ ...place, threadOrdinal: 2 }).read).toBe(4);
  expect(held.at({ ...place, audience: true }).read).toBe(0);
  expect(held.at({ ...place, userId: 'ben' }).read).toBe(0);
  expect(held.at(place).read).toBe(7);
});

test('takes nothing for held that was learnt before the newest lowering', () => {
  const held = new HeldCursors();
  held.learn(place, { read: 9, receipt: 6, delivered: 9, asked: true, version: 4 });
  const lowered = { ordinal: 5, version: 6 };
  expect(held.at(place, lowered)).toMatchObject({ read: 5, receipt: 6, delivered: 9, asked: false });
  // An append that was allowed at version 4 and answered late.
  held.learn(place, { read: 8, version: 4 });
  expect(held.at(place, lowered).read).toBe(5);
  held.learn(place, { read: 8, version: 6 });
  expect(held.at(place, lowered).read).toBe(8);
});

/** What happens to one cursor, in the order of the log; `learns` says whether this process hears of it, and how late. */
const step = fc.record({
  what: fc.constantFrom('advance' as const, 'lower' as const),
  ordinal: fc.integer({ min: 1, max: 9 }),
  delay: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined }),
});

test('never says more than what holds, however late the process hears of its own writes', () => {
  const held = new HeldCursors();
  let runs = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const cursor = { ...place, userId: `user-${runs++}` };
      const late: { due: number; read: number; version: number }[] = [];
      let truth = 0;
      let version = 1;
      let lowered: { ordinal: number; version: number } | undefined;
      for (const [now, { what, ordinal, delay }] of steps.entries()) {
        if (what === 'advance') {
          truth = Math.max(truth, ordinal);
          if (delay !== undefined) late.push({ due: now + delay, read: ordinal, version });
        } else {
          truth = ordinal;
          lowered = { ordinal, version: ++version };
        }
        for (const each of late.splice(0)) {
          if (each.due > now) late.push(each);
          else held.learn(cursor, { read: each.read, version: each.version });
        }
        expect(held.at(cursor, lowered).read).toBeLessThanOrEqual(truth);
      }
    }),
    { numRuns: 300 },
  );
});
