import { createLogger } from '@parley/runtime';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { OPEN, type Privacy } from '../session/presence-view.ts';
import { PatientPrivacy } from './patient-privacy.ts';

const logger = createLogger({ name: 'test', level: 'silent' });

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

/** A database that answers after as long as the test says, and all that it was asked. */
function slowBy(after: { ms: number }) {
  const asked: (readonly string[])[] = [];
  const patient = new PatientPrivacy(async (users) => {
    asked.push(users);
    await new Promise((resolve) => setTimeout(resolve, after.ms));
    return new Map(users.map((user): [string, Privacy] => [user, OPEN]));
  }, logger);
  /** What a look has without waiting any longer than this. */
  const look = async (users: string[], ms = 0): Promise<string[] | 'waits'> => {
    let known: string[] | 'waits' = 'waits';
    void patient.read(users).then(({ privacy }) => {
      known = [...privacy.keys()];
    });
    await vi.advanceTimersByTimeAsync(ms);
    return known;
  };
  return { patient, asked, look };
}

test('an answer that comes late is for the next look; while that is so no look waits, and one question is asked at a time', async () => {
  const { asked, look } = slowBy({ ms: 3_000 });
  expect(await look(['ann'], 1_000)).toEqual([]);
  expect(await look(['ann', 'bob'], 1_900)).toEqual([]);
  expect(asked).toEqual([['ann']]);
  await vi.advanceTimersByTimeAsync(100);
  expect(await look(['ann', 'bob'])).toEqual(['ann']);
  expect(asked).toEqual([['ann'], ['ann', 'bob']]);
  await vi.advanceTimersByTimeAsync(3_000);
  expect(await look(['bob', 'ann'])).toEqual(['bob', 'ann']);
});

test('a late answer is forgotten when no look takes it for long', async () => {
  const { look } = slowBy({ ms: 3_000 });
  await look(['ann'], 3_000);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(await look(['ann'])).toEqual([]);
});

test('once answers come in time again looks wait for them, and take nothing older', async () => {
  const after = { ms: 3_000 };
  const { patient, look } = slowBy(after);
  await look(['ann'], 3_000);
  after.ms = 10;
  expect(await look(['ann'], 10)).toEqual(['ann']);
  expect(await look(['ann'], 9)).toBe('waits');
  await vi.advanceTimersByTimeAsync(1);
  const inTime = patient.read(['bob']);
  await vi.advanceTimersByTimeAsync(10);
  expect(await inTime).toEqual({ privacy: new Map([['bob', OPEN]]), isLate: false });
});
