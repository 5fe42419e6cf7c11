import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { ByteBudget } from './byte-budget.ts';
import { inParallel } from './in-parallel.ts';

test('so many at once and no more, each once, in order', async () => {
  let [running, most] = [0, 0];
  const begun: number[] = [];
  const work = async (n: number): Promise<void> => {
    begun.push(n);
    most = Math.max(most, ++running);
    for (let turn = 0; turn < (n % 3) + 1; turn++) await setImmediate();
    running--;
  };
  await inParallel(
    Array.from({ length: 20 }, (_, n) => n),
    4,
    work,
    new AbortController().signal,
  );
  expect(most).toBe(4);
  expect(begun).toEqual(Array.from({ length: 20 }, (_, n) => n));
});

test('the first fault stops the others and is the one that is told', async () => {
  const begun: number[] = [];
  const work = async (n: number, signal: AbortSignal): Promise<void> => {
    begun.push(n);
    if (n === 1) throw new Error('broken');
    while (!signal.aborted) await setImmediate();
    throw new Error('stopped');
  };
  await expect(inParallel([0, 1, 2, 3], 2, work, new AbortController().signal)).rejects.toThrow('broken');
  expect(begun).toEqual([0, 1]);
  await expect(inParallel([0], 2, work, AbortSignal.abort(new Error('by hand')))).rejects.toThrow('by hand');
});

test('a budget lets in what fits, in order, and what is too large when it is alone', async () => {
  const budget = new ByteBudget(10);
  const inside: string[] = [];
  const ask = async (name: string, bytes: number): Promise<() => void> => {
    const giveBack = await budget.take(bytes);
    inside.push(name);
    return giveBack;
  };
  const [a, b, huge, c] = [ask('a', 6), ask('b', 4), ask('huge', 50), ask('c', 1)];
  await setImmediate();
  expect(inside).toEqual(['a', 'b']);
  (await a)();
  await setImmediate();
  expect(inside).toEqual(['a', 'b']);
  (await b)();
  await setImmediate();
  expect(inside).toEqual(['a', 'b', 'huge']);
  (await huge)();
  (await c)();
  expect(inside).toEqual(['a', 'b', 'huge', 'c']);
});
