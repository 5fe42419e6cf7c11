import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  CLOCK_SKEW_MS,
  type CommandRecord,
  CommandWindow,
  LARGEST_WINDOW,
  REMEMBER_MS,
  SNAPSHOT_WINDOW,
} from './command-window.ts';
import { uuidv7At } from './decider-spec.ts';
import { FORGOTTEN_IDS_CAPACITY, ForgottenIds } from './forgotten-ids.ts';

const T0 = Date.UTC(2026, 0, 1);

/** A command stored at `at`, whose client's clock was off by `skew`. */
function record(n: number, at: number, skew = 0): CommandRecord {
  const commandId = uuidv7At(n, at + skew);
  return { commandId, actor: 'anna', hash: 'h', sequence: n, version: n, result: {}, at };
}

/** Many records `everyMs` apart; clocks are off by up to the allowed skew, and further behind. */
function fill(window: CommandWindow, count: number, everyMs: number, from = 1, start = T0): CommandRecord[] {
  const added: CommandRecord[] = [];
  for (let n = from; n < from + count; n++) {
    const skew = [0, CLOCK_SKEW_MS, -CLOCK_SKEW_MS, -86_400_000][n % 4] ?? 0;
    const next = record(n, start + Math.floor(n * everyMs), skew);
    window.add(next);
    added.push(next);
  }
  return added;
}

const isSafe = (window: CommandWindow) => (each: CommandRecord) =>
  window.get(each.commandId)?.sequence === each.sequence || window.mayHaveForgotten(each.commandId);

describe('a command window', () => {
  test('knows every key ever added, or knows that it may have forgotten it', () => {
    const gap = fc.oneof(
      fc.constant(0),
      fc.integer({ min: 0, max: 50 }),
      fc.integer({ min: 0, max: 200_000 }),
    );
    const skew = fc.oneof(fc.constant(0), fc.integer({ min: -86_400_000, max: CLOCK_SKEW_MS }));
    const bursts = fc.array(fc.record({ gap, skew, count: fc.integer({ min: 1, max: 900 }) }), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(bursts, fc.boolean(), (list, viaSnapshot) => {
        let window = new CommandWindow();
        const added: CommandRecord[] = [];
        let at = T0;
        for (const { gap, skew, count } of list) {
          for (let i = 0; i < count; i++) {
            at += gap;
            const next = record(added.length + 1, at, skew);
            added.push(next);
            window.add(next);
          }
          if (viaSnapshot) {
            const { records, forgotten } = JSON.parse(JSON.stringify(window.newest()));
            window = new CommandWindow(records, forgotten);
          }
        }
        expect(added.filter((each) => !isSafe(window)(each))).toEqual([]);
        expect(window.size).toBeGreaterThanOrEqual(Math.min(added.length, SNAPSHOT_WINDOW));
      }),
      { numRuns: 30 },
    );
  }, 60_000);

  test('of a busy conversation knows them too, and takes a fresh key for new without a lookup', () => {
    const window = new CommandWindow();
    // 2,000 a second: the records of the last two minutes do not fit.
    const count = 60_000;
    const added = fill(window, count, 0.5);
    expect(window.size).toBe(LARGEST_WINDOW);
    expect(added.every(isSafe(window))).toBe(true);
    const now = T0 + count / 2;
    const fresh = Array.from({ length: 2_000 }, (_, n) => uuidv7At(5_000_000 + n * 7_919, now));
    const lookups = fresh.filter((id) => window.mayHaveForgotten(id));
    expect(lookups.length).toBeLessThan(fresh.length / 50);
  });

  test('that overflows its filters gives up the oldest, and says so', () => {
    const window = new CommandWindow();
    const count = LARGEST_WINDOW + 2 * FORGOTTEN_IDS_CAPACITY + 1_000;
    const ids: string[] = [];
    for (let n = 1; n <= count; n++) {
      const next = record(n, T0 + Math.floor(n / 20));
      if (n % 1_000 === 0) ids.push(next.commandId);
      window.add(next);
    }
    expect(ids.every((id) => window.get(id) || window.mayHaveForgotten(id))).toBe(true);
    expect(window.weight).toBeLessThan(2 * LARGEST_WINDOW);
  }, 60_000);

  test('keeps two minutes, at least 1,024 commands, at most 32,768', () => {
    const slow = new CommandWindow();
    fill(slow, 5_000, 1_000);
    expect(slow.size).toBe(SNAPSHOT_WINDOW);
    const brisk = new CommandWindow();
    fill(brisk, 20_000, 10);
    expect(brisk.size).toBe(REMEMBER_MS / 10 + 1);
  });

  test('says up to where the read model must have read before its "never seen" counts', () => {
    const window = new CommandWindow();
    expect(window.forgottenThrough).toBe(0);
    fill(window, 1_030, 1_000);
    expect(window.forgottenThrough).toBe(6);
    expect(window.newest().forgotten.sequence).toBe(6);
    expect(window.newest().records).toHaveLength(SNAPSHOT_WINDOW);
  });

  test('keeps the first of two records of one command', () => {
    const window = new CommandWindow();
    window.add(record(1, T0));
    window.add({ ...record(1, T0), sequence: 99 });
    expect(window.get(uuidv7At(1, T0))?.sequence).toBe(1);
    expect(window.size).toBe(1);
  });

  test('that forgot nothing is sure of every key', () => {
    const window = new CommandWindow();
    fill(window, 1_000, 5_000);
    expect(window.mayHaveForgotten(uuidv7At(1, 0))).toBe(false);
  });
});

test('a filter of forgotten ids never misses one, and seldom takes a new id for an old one', () => {
  const filter = new ForgottenIds();
  const id = (n: number) => uuidv7At(n, T0 + (n % 1_000));
  for (let n = 0; n < FORGOTTEN_IDS_CAPACITY; n++) filter.add(id(n * 7_919));
  expect(filter.isFull).toBe(true);
  let missed = 0;
  let wrong = 0;
  for (let n = 0; n < 50_000; n++) {
    if (!filter.has(id(n * 7_919))) missed++;
    if (filter.has(id(n * 7_919 + 1))) wrong++;
  }
  expect(missed).toBe(0);
  expect(wrong).toBeLessThan(500);
});
