import type { RecordedEvent } from '@parley/contracts';
import { describe, expect, test } from 'vitest';
import { count, noNumbers, quantile, threeDigits } from './numbers.ts';

const event = (type: string, actor: string, time: string, subject = 'conversation/a'): RecordedEvent => ({
  specversion: '1.0',
  source: '/parley',
  id: `${subject}-${time}-${actor}`,
  dataschema: `urn:parley:event:${type}:1`,
  type,
  subject,
  time,
  actor,
  data: {},
});

const counted = (...events: RecordedEvent[]) => {
  const numbers = noNumbers();
  count(numbers, events);
  return numbers;
};

describe('numbers', () => {
  test('a response is the time to the next message by somebody else', () => {
    const numbers = counted(
      event('message.sent', 'ann', '2026-01-01T10:00:00.000Z'),
      event('message.sent', 'ann', '2026-01-01T10:00:10.000Z'),
      event('message.sent', 'bob', '2026-01-01T10:00:15.000Z'),
      event('message.sent', 'cy', '2026-01-01T10:00:16.000Z', 'conversation/b'),
    );
    expect([...numbers.responses]).toEqual([[5_000, 1]]);
  });

  test('a message after more than a week answers nothing', () => {
    const numbers = counted(
      event('message.sent', 'ann', '2026-01-01T10:00:00.000Z'),
      event('message.sent', 'bob', '2026-01-08T10:00:00.001Z'),
    );
    expect(numbers.responses.size).toBe(0);
  });

  test('a user is active once a day, by writing or reacting, not by other events', () => {
    const numbers = counted(
      event('message.sent', 'ann', '2026-01-01T10:00:00.000Z'),
      event('reaction.added', 'ann', '2026-01-01T11:00:00.000Z'),
      event('reaction.added', 'bob', '2026-01-01T11:00:00.000Z'),
      event('members.added', 'cy', '2026-01-01T11:00:00.000Z'),
    );
    expect(numbers.activeUsers).toEqual(new Map([['2026-01-01', new Set(['ann', 'bob'])]]));
    expect([...numbers.messagesPerHour]).toEqual([['2026-01-01T10', 1]]);
  });

  test('names of days long gone and messages that nothing answers are forgotten', () => {
    const numbers = counted(
      event('message.sent', 'ann', '2026-01-01T10:00:00.000Z'),
      event('message.sent', 'bob', '2026-02-01T10:00:00.000Z', 'conversation/b'),
      event('reaction.added', 'cy', '2026-01-01T10:00:00.000Z'),
    );
    expect(numbers.activeUsers.get('2026-01-01')).toBe(1);
    expect([...numbers.lastMessages.keys()]).toEqual(['conversation/b']);
    expect(numbers.late).toBe(1);
  });

  test('three digits of a time are kept and order with them', () => {
    expect([0, 7, 999, 1_239, 123_999, 86_400_000].map(threeDigits)).toEqual([
      0, 7, 999, 1_230, 123_000, 86_400_000,
    ]);
  });

  test('a quantile is the smallest value that its share does not exceed', () => {
    const counts = new Map([
      [30, 1],
      [10, 5],
      [20, 4],
    ]);
    expect([0.5, 0.51, 0.9, 1].map((share) => quantile(counts, share))).toEqual([10, 20, 20, 30]);
    expect(quantile(new Map(), 0.5)).toBeUndefined();
  });
});
