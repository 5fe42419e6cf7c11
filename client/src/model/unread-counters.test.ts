import { expect, test } from 'vitest';
import { raiseFloor, unreadCounters, unreadNumbers, withMessage } from './unread-counters.ts';

test('of somebody far behind a busy thread no more is kept than a bound, and the count is right when it is read', () => {
  let counters = unreadCounters(null, 0);
  const last = 5_000;
  for (let ordinal = 1; ordinal <= last; ordinal++) {
    counters = withMessage(counters, { ordinal, main: ordinal % 10 === 0, mention: false });
    expect(counters.excluded.length + counters.recent.length).toBeLessThanOrEqual(1_000);
  }
  expect(unreadNumbers(counters).unread).toBe(last / 10);
  expect(unreadNumbers(raiseFloor(counters, last - 20)).unread).toBe(2);
  // Which of the older ones are replies was given up: read in part, the number is not known, and says so.
  expect(raiseFloor(counters, 100).olderUnread).toBeNull();
});
