import type { CommitItem } from '@parley/contracts';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ParleyError } from '../parley-error.ts';
import { Source } from './source.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

const commit: CommitItem = { seq: 1, events: [] };
const missing = new ParleyError({ code: 'not-found', status: 404, detail: 'no such conversation' });

function sourceOf(answer: () => string) {
  const started = Date.now();
  const asked: number[] = [];
  const source = new Source<string>({
    fold: { apply: (model) => model, isStale: () => false },
    load: async () => {
      asked.push(Date.now() - started);
      return answer();
    },
    changed: () => undefined,
  });
  const state = (): string => source.shown(true, (model) => model).state;
  return { source, asked, state };
}

function none(): never {
  throw missing;
}

test('what is not found is loading while it may only not be there yet, and refused after that', async () => {
  const { source, asked, state } = sourceOf(none);
  await vi.advanceTimersByTimeAsync(3_200);
  expect([asked, state()]).toEqual([[0, 250, 750, 1_750], 'loading']);
  await vi.advanceTimersByTimeAsync(100);
  expect([asked.length, state()]).toEqual([5, 'refused']);
  await expect(source.loaded()).rejects.toBe(missing);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toHaveLength(5);
});

test.each([100, 10_000])('what happens there after %i ms has it asked for again at once', async (after) => {
  let isThere = false;
  const { source, asked, state } = sourceOf(() => (isThere ? 'there' : none()));
  await vi.advanceTimersByTimeAsync(after);
  isThere = true;
  source.take(commit);
  expect(state()).toBe('loading');
  await vi.advanceTimersByTimeAsync(1);
  expect([asked.at(-1), state()]).toEqual([after, 'fresh']);
  await source.loaded();
  source.stop();
});

test('much that happens where nothing is seen has it asked for at most four times a second', async () => {
  const { source, asked } = sourceOf(none);
  for (let n = 0; n < 200; n++) {
    source.take(commit);
    await vi.advanceTimersByTimeAsync(10);
  }
  expect(asked.length).toBeGreaterThan(5);
  expect(asked.length).toBeLessThan(11);
  source.stop();
});

test('what was there and is gone is refused at once', async () => {
  let isThere = true;
  const { source, state } = sourceOf(() => (isThere ? 'there' : none()));
  await vi.advanceTimersByTimeAsync(1);
  isThere = false;
  source.cutOff(false);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(state()).toBe('refused');
});

test('a clock that is set back keeps nothing from being loaded anew, nor asked for', async () => {
  let isThere = false;
  const { source, state } = sourceOf(() => (isThere ? 'there' : none()));
  source.take(commit);
  await vi.advanceTimersByTimeAsync(1);
  isThere = true;
  vi.setSystemTime(Date.now() - 3_600_000);
  source.take(commit);
  await vi.advanceTimersByTimeAsync(300);
  expect(state()).toBe('fresh');
  vi.setSystemTime(Date.now() - 3_600_000);
  source.cutOff(false);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(state()).toBe('fresh');
  source.stop();
});
