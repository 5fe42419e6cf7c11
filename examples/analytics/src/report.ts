import { quantile } from './numbers.ts';
import type { State } from './state-file.ts';

/** The newest rows of each table, in UTC. */
export function renderReport({ sequence, unreadable, firstUnreadable, numbers }: State, rows = 12): string {
  const newest = <V>(table: ReadonlyMap<string, V>): [string, V][] =>
    [...table].sort(([a], [b]) => (a < b ? -1 : 1)).slice(-rows);
  const { responses } = numbers;
  const answers = [...responses.values()].reduce((sum, times) => sum + times, 0);
  return [
    `counted up to sequence ${sequence}`,
    '',
    'messages per hour',
    ...newest(numbers.messagesPerHour).map(([hour, times]) => `  ${hour}:00Z ${String(times).padStart(9)}`),
    '',
    'active users per day',
    ...newest(numbers.activeUsers).map(([day, users]) => {
      return `  ${day}     ${String(users instanceof Set ? users.size : users).padStart(9)}`;
    }),
    '',
    `response time of ${answers} answers`,
    `  median ${seconds(quantile(responses, 0.5))}, 90 % within ${seconds(quantile(responses, 0.9))}`,
    ...(numbers.late > 0 ? [`  ${numbers.late} events came too late for their day's users`] : []),
    ...(unreadable > 0
      ? [
          `  ${unreadable} commits could not be decoded, the first at ${firstUnreadable}: update @parley/contracts`,
        ]
      : []),
  ].join('\n');
}

function seconds(milliseconds: number | undefined): string {
  return milliseconds === undefined ? '–' : `${(milliseconds / 1_000).toFixed(1)} s`;
}
