import { expect, it } from 'vitest';
import { renderRebuilt, renderRolledBack } from './render-rebuilt.ts';

const switched = {
  ...{ pauseMs: 40.4, attempts: 1, longestPauseMs: 40.4, totalPauseMs: 40.4, projectorPauseMs: 70 },
  ...{ keepUntil: '2026-01-02T00:00:00.000Z', leftBehind: [] },
};
const rebuilt = {
  ...{
    resumed: false,
    startedAt: '2026-01-01T00:00:00.000Z',
    sequence: 900,
    compared: [],
    incomparable: null,
    parked: { keys: 0, commits: 0 },
  },
  switched,
};

it('an exchange tells how long readers waited, and how to take it back', () => {
  const text = renderRebuilt(rebuilt);
  expect(text).toContain('readers waited 40 ms');
  expect(text).toContain('2026-01-02T00:00:00.000Z (--rollback)');
  expect(text).not.toContain('attempts');
  expect(text).not.toContain('dead-letters');
});

it('attempts that gave way are told with the longest wait and all of them', () => {
  const text = renderRebuilt({
    ...rebuilt,
    switched: { ...switched, attempts: 3, longestPauseMs: 210, totalPauseMs: 460 },
  });
  expect(text).toContain('3 attempts: readers waited 210 ms at most at once, 460 ms in all');
});

it('what waits as dead letters, and what stays with the old tables, is told', () => {
  const text = renderRebuilt({
    ...rebuilt,
    parked: { keys: 2, commits: 9 },
    switched: { ...switched, leftBehind: ['trigger noted on pins'] },
  });
  expect(text).toContain('9 commits of 2 conversations or users could not be applied');
  expect(text).toContain('parley dead-letters list');
  expect(text).toContain('trigger noted on pins');
});

it('a dry run that used up a stopped rebuild says so', () => {
  const dropped = 'This ended the rebuild begun at 2026-01-01T00:00:00.000Z; what it had built is dropped.';
  expect(renderRebuilt({ ...rebuilt, switched: null, resumed: true })).toContain(dropped);
  expect(renderRebuilt({ ...rebuilt, switched: null })).not.toContain('This ended');
  expect(renderRebuilt({ ...rebuilt, resumed: true })).not.toContain('This ended');
});

it('a rollback says what is in use now, and that it was wrong when it was', () => {
  const rolledBack = { ...switched, replacedAt: '2026-01-01T16:59:00.000Z', differed: true };
  expect(renderRolledBack(rolledBack)).toContain(
    'In use now: the tables that were replaced at 2026-01-01T16:59:00.000Z, caught up with the log. They differed from the ' +
      'log when they were replaced: run `parley verify`.',
  );
  expect(renderRolledBack({ ...rolledBack, differed: false })).not.toContain('differed');
});
