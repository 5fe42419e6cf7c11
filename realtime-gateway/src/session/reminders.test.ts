import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Reminders } from './reminders.ts';

const SLOT_MS = 50;

test('a later, or a sooner, reminder of the same takes back none', () => {
  const reminders = new Reminders<string>();
  reminders.remind('ann', 1_000);
  reminders.remind('ann', 5_000);
  reminders.remind('ann', 200);
  expect([...reminders.take(199)]).toEqual([]);
  expect([200, 1_000, 5_000, 9_000].map((now) => [...reminders.take(now)])).toEqual([
    ['ann'],
    ['ann'],
    ['ann'],
    [],
  ]);
});

test('whatever is asked for, each is named at its time or within a slot, never before, and never without reason', () => {
  const steps = fc.array(
    fc.record({ wait: fc.nat(120), asks: fc.array(fc.record({ key: fc.nat(3), inMs: fc.nat(400) })) }),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(steps, (all) => {
      const reminders = new Reminders<number>();
      let open: { key: number; at: number; wasNamed: boolean }[] = [];
      let now = 0;
      let [asked, answered] = [0, 0];
      for (const { wait, asks } of all) {
        now += wait;
        const named = reminders.take(now);
        for (const key of named) expect(open.some((one) => one.key === key && one.at <= now)).toBe(true);
        for (const one of open) if (one.at <= now && named.has(one.key)) one.wasNamed = true;
        expect(open.filter(({ at, wasNamed }) => at + SLOT_MS <= now && !wasNamed)).toEqual([]);
        answered += named.size;
        expect(answered).toBeLessThanOrEqual(asked);
        open = open.filter(({ at }) => at + SLOT_MS > now);
        for (const { key, inMs } of asks) {
          reminders.remind(key, now + inMs);
          open.push({ key, at: now + inMs, wasNamed: false });
          asked += 1;
        }
      }
    }),
  );
});
