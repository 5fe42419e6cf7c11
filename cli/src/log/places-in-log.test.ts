import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UsageError } from '../run-command.ts';
import { firstStoredFrom, parsePlace, rangeBetween, removedBefore } from './places-in-log.ts';

const EPOCH = '0190a000-0000-7000-8000-000000000001';
const NOW = Date.parse('2026-11-21T12:00:00Z');

/** A log that holds commits at these times, from a sequence on; null = a hole. */
function logOf(times: readonly (number | null)[], first = 1) {
  return {
    epoch: EPOCH,
    bounds: async () => ({ first, last: first + times.length - 1 }),
    async at(sequence: number) {
      const storedAt = times[sequence - first] ?? null;
      if (storedAt === null) return null;
      return { sequence, subject: '', commitId: '', storedAt, payload: new Uint8Array() };
    },
  };
}

const sorted = fc
  .array(fc.integer({ min: 0, max: 40 }), { maxLength: 60 })
  .map((all) => all.sort((a, b) => a - b));

test('the binary search by time finds what a scan finds, with equal times, holes and a purged beginning', async () => {
  const holes = fc.infiniteStream(fc.boolean());
  const anyLog = fc.tuple(sorted, holes, fc.integer({ min: 1, max: 1_000 }));
  await fc.assert(
    fc.asyncProperty(anyLog, fc.integer({ min: -1, max: 42 }), async ([times, isHole, first], time) => {
      const stored = times.map((at) => (isHole.next().value ? null : at));
      const found = stored.findIndex((at) => at !== null && at >= time);
      const scanned = first + (found === -1 ? stored.length : found);
      expect(await firstStoredFrom(logOf(stored, first), time)).toBe(scanned);
    }),
    { numRuns: 500 },
  );
});

test('the search asks for few commits of a long log', async () => {
  const log = logOf(Array.from({ length: 1_000_000 }, (_, n) => n));
  let asked = 0;
  const counted = {
    ...log,
    at: (sequence: number) => {
      asked += 1;
      return log.at(sequence);
    },
  };
  expect(await firstStoredFrom(counted, 765_432)).toBe(765_433);
  expect(asked).toBeLessThan(25);
});

test.each([
  ['1234', { kind: 'sequence', sequence: 1234 }],
  [`${EPOCH}:77`, { kind: 'sequence', sequence: 77 }],
  ['10m', { kind: 'time', at: NOW - 600_000 }],
  ['2d', { kind: 'time', at: NOW - 172_800_000 }],
  ['2026-11-20', { kind: 'time', at: Date.parse('2026-11-20T00:00:00Z') }],
  ['2026-11-20T09:30', { kind: 'time', at: Date.parse('2026-11-20T09:30:00Z') }],
  ['2026-11-20T09:30:00+01:00', { kind: 'time', at: Date.parse('2026-11-20T08:30:00Z') }],
])('%s is a place in the log', (text, place) => {
  expect(parsePlace(text, EPOCH, NOW)).toEqual(place);
});

test.each(['yesterday', '-5', '2026-13-40', '10w', `${EPOCH}:`, ''])(
  '"%s" is none, and the error says what would be one',
  (text) => {
    expect(() => parsePlace(text, EPOCH, NOW)).toThrow(UsageError);
    expect(() => parsePlace(text, EPOCH, NOW)).toThrow(/10m/);
  },
);

test('a position of another log is refused', () => {
  expect(() => parsePlace('0190a000-0000-7000-8000-000000000002:5', EPOCH, NOW)).toThrow(/another log/);
});

test('a range is within what the log holds, both ends included', async () => {
  const log = logOf([100, 200, 200, 300], 11);
  expect(await rangeBetween(log, {}, NOW)).toEqual({ after: 10, until: 14 });
  expect(await rangeBetween(log, { since: '1', until: '99' }, NOW)).toEqual({ after: 10, until: 14 });
  expect(await rangeBetween(log, { since: '12', until: '13' }, NOW)).toEqual({ after: 11, until: 13 });
  const at = (time: number): string => new Date(time).toISOString();
  expect(await rangeBetween(log, { since: at(200), until: at(200) }, NOW)).toEqual({ after: 11, until: 13 });
  expect(await rangeBetween(log, { since: at(301) }, NOW)).toEqual({ after: 14, until: 14 });
  await expect(rangeBetween(log, { since: '16' }, NOW)).rejects.toThrow(/end of the log, which is at 14/);
});

test('what is asked for from before the beginning of a log is known to be gone', async () => {
  const log = logOf([100, 200], 11);
  const at = (time: number): string => new Date(time).toISOString();
  for (const since of ['5', '10', at(50), at(100)]) expect(await removedBefore(log, since, NOW)).toBe(11);
  for (const since of [undefined, '11', '12', at(101)]) {
    expect(await removedBefore(log, since, NOW)).toBeNull();
  }
  expect(await removedBefore(logOf([100]), at(0), NOW)).toBeNull();
});
