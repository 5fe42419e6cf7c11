import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Turn, WaitingLine } from './waiting-line.ts';

test('never more at work than slots, never two of one key, and everybody gets a turn', async () => {
  const keys = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      keys,
      fc.integer({ min: 1, max: 3 }),
      async (scheduler, wanted, slots) => {
        const line = new WaitingLine(slots);
        const running: string[] = [];
        const work = async (key: string): Promise<void> => {
          expect(running).not.toContain(key);
          running.push(key);
          expect(running.length).toBeLessThanOrEqual(slots);
          await scheduler.schedule(Promise.resolve());
          running.splice(running.indexOf(key), 1);
        };
        const done: string[] = [];
        const all = wanted.map((key, index) =>
          line
            .run(key, async ({ pause }) => {
              for (let turn = 0; turn < index % 4; turn++) {
                await work(key);
                await pause(scheduler.schedule(Promise.resolve()));
              }
              await work(key);
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

/** Work that pauses, or keeps its slot, until it is told to go on. */
function held() {
  let goOn = (): void => undefined;
  const told = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  return { goOn: () => goOn(), work: ({ pause }: Turn) => pause(told), told: () => told };
}

const settled = async (): Promise<void> => {
  for (let n = 0; n < 20; n++) await Promise.resolve();
};

test('who pauses holds up nobody, not even those with the same key', async () => {
  const line = new WaitingLine(1);
  const [first, second] = [held(), held()];
  const done: string[] = [];
  const run = (name: string, key: string, work: (turn: Turn) => Promise<void>) =>
    line.run(key, work).then(() => done.push(name));
  const all = [run('first', 'ann', first.work), run('second', 'bob', second.work)];
  all.push(run('of the same key', 'ann', async () => undefined));
  await settled();
  expect(done).toEqual(['of the same key']);
  second.goOn();
  first.goOn();
  await Promise.all(all);
  expect(done).toHaveLength(3);
});

test('so many may pause, then nobody begins until one of them is done', async () => {
  const line = new WaitingLine(1);
  const slow = Array.from({ length: 40 }, () => held());
  let begun = 0;
  const all = slow.map(({ work }, index) =>
    line.run(`user ${index}`, (turn) => {
      begun++;
      return work(turn);
    }),
  );
  await settled();
  await settled();
  expect(begun).toBe(32);
  expect(line.waiting).toBe(8);
  slow[0]?.goOn();
  await settled();
  expect(begun).toBe(33);
  for (const each of slow) each.goOn();
  await Promise.all(all);
  expect(begun).toBe(40);
});

test('who comes back from a pause goes on before those who have not begun', async () => {
  const line = new WaitingLine(1);
  const [paused, running] = [held(), held()];
  const done: string[] = [];
  const all = [line.run('ann', paused.work).then(() => done.push('paused'))];
  all.push(line.run('bob', running.told).then(() => done.push('running')));
  all.push(line.run('cleo', async () => undefined).then(() => done.push('new')));
  paused.goOn();
  await settled();
  expect(done).toEqual([]);
  running.goOn();
  await Promise.all(all);
  expect(done).toEqual(['running', 'paused', 'new']);
});

test('who leaves the line does not begin, takes nobody’s place, and may leave again', async () => {
  const line = new WaitingLine(1);
  const [first, owner] = [held(), {}];
  const begun: string[] = [];
  const all = [line.run('ann', first.told), line.run('ann', async () => void begun.push('left'), owner)];
  all.push(line.run('ann', async () => void begun.push('stayed')));
  expect(line.waiting).toBe(2);
  line.leave(owner);
  line.leave(owner);
  expect(line.waiting).toBe(1);
  first.goOn();
  await Promise.all(all);
  expect(begun).toEqual(['stayed']);
});

test('who leaves while paused does not wait for a slot again', async () => {
  const line = new WaitingLine(1);
  const [paused, owner, running] = [held(), {}, held()];
  let ended = false;
  const first = line.run('ann', paused.work, owner).then(() => {
    ended = true;
  });
  const second = line.run('bob', running.told);
  line.leave(owner);
  paused.goOn();
  await first;
  expect(ended).toBe(true);
  running.goOn();
  await second;
  await line.run('cleo', async () => undefined);
});
