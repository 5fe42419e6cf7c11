import fc from 'fast-check';
import { expect, test } from 'vitest';
import { WaitingLine } from './waiting-line.ts';

test('never more at once than slots, never two of one key, and everybody gets a turn', async () => {
  const keys = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      keys,
      fc.integer({ min: 1, max: 3 }),
      async (scheduler, wanted, slots) => {
        const line = new WaitingLine(slots);
        const running: string[] = [];
        const done: string[] = [];
        const all = wanted.map((key, index) =>
          line
            .run(key, async () => {
              expect(running).not.toContain(key);
              running.push(key);
              expect(running.length).toBeLessThanOrEqual(slots);
              await scheduler.schedule(Promise.resolve());
              running.splice(running.indexOf(key), 1);
              if (index % 3 === 0) throw new Error('refused');
              done.push(key);
            })
            .catch((error: Error) => done.push(error.message)),
        );
        await scheduler.waitFor(Promise.all(all));
        expect(done).toHaveLength(wanted.length);
        expect(line.waiting).toBe(0);
      },
    ),
  );
});

test('those with the same key are served in the order they came', async () => {
  const line = new WaitingLine(2);
  const order: number[] = [];
  await Promise.all([1, 2, 3, 4].map((n) => line.run('ann', async () => void order.push(n))));
  expect(order).toEqual([1, 2, 3, 4]);
});
