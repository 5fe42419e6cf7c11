import type { RecordedEvent } from '@parley/contracts';

const HOUR_DIGITS = '2026-11-21T14'.length;
const DAY_DIGITS = '2026-11-21'.length;
const DAY_MS = 86_400_000;
/** Days whose users are kept by name. An older day is a number for good. */
const OPEN_DAYS = 3;
/** A message this long after the one before it starts a new talk; it answers nothing. */
const ANSWERED_WITHIN_MS = 7 * DAY_MS;

/** Who does one of these was active. Reading is left out: cursors say nothing about how long, or whether a person did it. */
const ACTIVITIES: ReadonlySet<string> = new Set([
  'message.sent',
  'message.edited',
  'message.deleted',
  'reaction.added',
  'reaction.removed',
]);

/** All that is known after some commits. It grows with hours, days and conversations of the last week, not with messages. */
export interface Numbers {
  messagesPerHour: Map<string, number>;
  /** By day, in UTC: the users themselves while the day may still get events, then how many they were. */
  activeUsers: Map<string, Set<string> | number>;
  /** How often each response time, in ms with three digits, was seen. */
  responses: Map<number, number>;
  /** Of each conversation, the message that the next one may answer. */
  lastMessages: Map<string, LastMessage>;
  /** The newest day seen. */
  today: string;
  /** Events of a day that is a number already. */
  late: number;
}

export interface LastMessage {
  author: string;
  at: number;
}

export function noNumbers(): Numbers {
  return {
    messagesPerHour: new Map(),
    activeUsers: new Map(),
    responses: new Map(),
    lastMessages: new Map(),
    today: '',
    late: 0,
  };
}

/** Takes the events of one commit into the numbers. Types that this program has no use for change nothing. */
export function count(numbers: Numbers, events: readonly RecordedEvent[]): void {
  for (const event of events) {
    if (!ACTIVITIES.has(event.type)) continue;
    countUser(numbers, event.time.slice(0, DAY_DIGITS), event.actor);
    if (event.type === 'message.sent') countMessage(numbers, event);
  }
}

function countUser(numbers: Numbers, day: string, user: string): void {
  if (day > numbers.today) turnDay(numbers, day);
  const users = numbers.activeUsers.get(day);
  if (users instanceof Set) users.add(user);
  else if (users === undefined && day >= firstOpenDay(numbers.today)) {
    numbers.activeUsers.set(day, new Set([user]));
  } else numbers.late++;
}

/** Forgets the names and messages that nothing can refer to any more. */
function turnDay(numbers: Numbers, today: string): void {
  numbers.today = today;
  const open = firstOpenDay(today);
  for (const [day, users] of numbers.activeUsers) {
    if (users instanceof Set && day < open) numbers.activeUsers.set(day, users.size);
  }
  const forgotten = Date.parse(open) - ANSWERED_WITHIN_MS;
  for (const [conversation, { at }] of numbers.lastMessages) {
    if (at < forgotten) numbers.lastMessages.delete(conversation);
  }
}

function firstOpenDay(today: string): string {
  const first = Date.parse(today) - (OPEN_DAYS - 1) * DAY_MS;
  return new Date(first).toISOString().slice(0, DAY_DIGITS);
}

function countMessage(numbers: Numbers, { time, actor, subject }: RecordedEvent): void {
  increment(numbers.messagesPerHour, time.slice(0, HOUR_DIGITS));
  const at = Date.parse(time);
  const before = numbers.lastMessages.get(subject);
  numbers.lastMessages.set(subject, { author: actor, at });
  if (!before || before.author === actor || at - before.at > ANSWERED_WITHIN_MS) return;
  increment(numbers.responses, threeDigits(Math.max(0, at - before.at)));
}

function increment<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** Less than 1 % off, and a few thousand different values at most, however many messages there are. */
export function threeDigits(milliseconds: number): number {
  const step = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, milliseconds))) - 2);
  return Math.floor(milliseconds / step) * step;
}

/** The value that `share` of all are not above; undefined without any. */
export function quantile(counts: ReadonlyMap<number, number>, share: number): number | undefined {
  const sorted = [...counts].sort(([a], [b]) => a - b);
  const total = sorted.reduce((sum, [, times]) => sum + times, 0);
  let seen = 0;
  for (const [value, times] of sorted) {
    seen += times;
    if (seen >= Math.ceil(total * share)) return value;
  }
  return undefined;
}
