import { expect, test, vi } from 'vitest';
import { LiveView } from './live-view.ts';

function counting() {
  const opened = vi.fn();
  const closed = vi.fn();
  const left = vi.fn();
  let now = { count: 0 };
  const view = new LiveView<{ count: number }>({
    initial: { count: -1 },
    look: () => now,
    open: opened,
    close: closed,
    left,
  });
  const become = (count: number): void => {
    now = { count };
    view.refresh();
  };
  return { view, opened, closed, left, become };
}

test('the first listener opens the view, and each is told while it listens', () => {
  const { view, opened, become } = counting();
  const [one, two] = [vi.fn(), vi.fn()];
  const stop = view.listen(one);
  view.listen(two);
  expect(opened).toHaveBeenCalledTimes(1);
  become(1);
  stop();
  become(2);
  expect([one, two].map((listener) => listener.mock.calls.length)).toEqual([1, 2]);
  expect(view.current).toEqual({ count: 2 });
});

test('nobody is told when nothing changed', () => {
  const { view } = counting();
  const listener = vi.fn();
  view.listen(listener);
  view.refresh();
  view.refresh();
  expect(listener).toHaveBeenCalledTimes(1);
});

test('the same function given twice listens twice', () => {
  const { view, become } = counting();
  const listener = vi.fn();
  const stop = view.listen(listener);
  view.listen(listener);
  stop();
  stop();
  become(1);
  expect(listener).toHaveBeenCalledTimes(1);
});

test('a view is kept for a while after its last listener, and is then as if never opened', () => {
  vi.useFakeTimers();
  try {
    const { view, opened, closed, become } = counting();
    const stop = view.listen(() => undefined);
    become(1);
    stop();
    vi.advanceTimersByTime(29_000);
    view.listen(() => undefined)();
    expect([opened, closed].map((each) => each.mock.calls.length)).toEqual([1, 0]);
    vi.advanceTimersByTime(30_000);
    expect(closed).toHaveBeenCalledTimes(1);
    expect(view.current).toEqual({ count: -1 });
    view.listen(() => undefined);
    expect(opened).toHaveBeenCalledTimes(2);
  } finally {
    vi.useRealTimers();
  }
});

test('whoever still listens when a view ends is told that nothing is known', () => {
  const { view, become, left } = counting();
  const seen: number[] = [];
  const stop = view.listen(() => seen.push(view.current.count));
  become(1);
  view.end();
  expect(seen).toEqual([1, -1]);
  expect([view.isOpen, view.isListened]).toEqual([false, true]);
  stop();
  expect(left).toHaveBeenCalledTimes(1);
});

test('a listener that throws costs the others nothing, and what it throws is not lost', () => {
  const later: (() => void)[] = [];
  const spy = vi.spyOn(globalThis, 'queueMicrotask').mockImplementation((run) => void later.push(run));
  try {
    const { view, become } = counting();
    view.listen(() => {
      throw new Error('of the application');
    });
    const second = vi.fn();
    view.listen(second);
    become(1);
    expect(second).toHaveBeenCalledTimes(1);
    expect(later).toHaveLength(1);
    expect(later[0]).toThrow('of the application');
  } finally {
    spy.mockRestore();
  }
});
