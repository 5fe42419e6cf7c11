import {
  type EventData,
  encodeCommit,
  type LogEvent,
  type UserEventType,
  userSubject,
} from '@parley/contracts';
import type { CommitRecord, EventLog } from '@parley/runtime';
import fc from 'fast-check';
import { event, timeOf, uuid } from './commit.ts';

/** An event as a user's log would hold it; `user` may be anything that a token allows. */
export function userEvent<T extends UserEventType>(
  user: string,
  type: T,
  data: EventData<T>,
  attributes: { version?: number; time?: string; actor?: string } = {},
): LogEvent {
  return { ...event(type, data, { actor: user, ...attributes }), subject: `user/${user}` } as LogEvent;
}

export interface UserFact {
  user: string;
  type: UserEventType;
  data: EventData<UserEventType>;
  /** Of the event: a clock may go back. */
  second: number;
  /** Recorded in the same commit as the fact before it, when that was the same user's. */
  joined: boolean;
}

const room = fc.nat(1).map((n) => uuid(0xa0000000 + n));
const onRoom = fc.record({ conversationId: room });
const ordinal = fc.integer({ min: 1, max: 4 });
const onMessage = { conversationId: room, messageId: fc.constant(uuid(7)), ordinal };
const user = fc.constantFrom('ann', 'bob', 'dän.*> "x" \\');
const optionalText = fc.constantFrom(undefined, null, 'plain', '{"quoted", \\ NULL}');
const device = fc.constantFrom('phone', 'a "tablet", \\');
const onSchedule = fc.record({ scheduleId: fc.nat(2).map((n) => uuid(0xb0000000 + n)) });
const time = fc.oneof(
  fc.nat(100).map(timeOf),
  fc.constantFrom('0000-01-01T00:00:00Z', `2026-01-01T00:00:50.${'123456789'.repeat(20)}Z`),
);
const level = fc.constantFrom('all', 'mentions', 'none', null);
const kind = fc.constantFrom('mention', 'reply', 'reaction');
/** Records whose members may be missing, and none is there and undefined. */
const some = <T>(members: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record<T>(members, { requiredKeys: [] }).map((made) => JSON.parse(JSON.stringify(made)));

const dataOf: { [T in UserEventType]: fc.Arbitrary<unknown> } = {
  'profile.changed': some({
    displayName: optionalText,
    avatar: optionalText,
    statusText: optionalText,
    lastSeenVisible: fc.boolean(),
  }),
  'preferences.changed': some({
    notifications: fc.dictionary(kind, fc.boolean()),
    conversations: fc.dictionary(room, level),
    unarchiveOnMessage: fc.boolean(),
  }),
  'inbox.muted': fc.record({ conversationId: room, until: time }, { requiredKeys: ['conversationId'] }),
  'inbox.unmuted': onRoom,
  'inbox.archived': onRoom,
  'inbox.unarchived': onRoom,
  'inbox.pinned': onRoom,
  'inbox.unpinned': onRoom,
  'message.hidden': fc.record(onMessage),
  'message.reported': fc.record(
    {
      ...onMessage,
      authorId: user,
      reason: fc.constantFrom('spam', 'other'),
      note: fc.constant('a\n"note"'),
    },
    { requiredKeys: ['conversationId', 'messageId', 'ordinal', 'authorId', 'reason'] },
  ),
  'user.blocked': fc.record({ userId: user }),
  'user.unblocked': fc.record({ userId: user }),
  'device.registered': fc.record(
    { deviceId: device, platform: fc.constantFrom('ios', 'web'), name: fc.constant('Ann’s "phone"') },
    { requiredKeys: ['deviceId', 'platform'] },
  ),
  'device.removed': fc.record({ deviceId: device }),
  'message.scheduled': fc
    .tuple(onSchedule, onRoom, time, fc.constantFrom('hi', 'a "quote" \\ in {braces}'))
    .map(([schedule, inRoom, at, body]) => ({
      ...schedule,
      ...inRoom,
      at,
      message: { body, format: 'plain', attachments: [] },
    })),
  'schedule.cancelled': onSchedule,
  'schedule.released': onSchedule,
  'schedule.sent': onSchedule,
  'schedule.failed': onSchedule.map((schedule) => ({ ...schedule, code: 'blocked' })),
  'notifications.read': fc.oneof(
    fc.record({ upTo: fc.integer({ min: 1, max: 50 }) }),
    fc.record({ ids: fc.array(fc.nat(3).map(uuid), { minLength: 1, maxLength: 4 }) }),
  ),
};

const fact = fc.constantFrom(...(Object.keys(dataOf) as UserEventType[])).chain((type) =>
  fc.record({
    user,
    type: fc.constant(type),
    data: dataOf[type],
    second: fc.nat(100),
    joined: fc.boolean(),
  }),
) as fc.Arbitrary<UserFact>;

/** Everything that users may do, in any order: a fold must not rely on what the write side would have refused. */
export const userFacts = fc.array(fact, { minLength: 5, maxLength: 60 });

/** Records the facts into a log; returns its commits. */
export async function recordUserHistory(log: EventLog, facts: readonly UserFact[]): Promise<CommitRecord[]> {
  const users = new Map<string, { version: number; sequence: number }>();
  const commits: { user: string; events: LogEvent[] }[] = [];
  for (const { user: userId, type, data, second, joined } of facts) {
    const reached = users.get(userId) ?? { version: 0, sequence: 0 };
    users.set(userId, reached);
    reached.version += 1;
    const attributes = { version: reached.version, time: timeOf(second) };
    const made = userEvent(userId, type, data, attributes);
    const open = commits.at(-1);
    if (open?.user === userId && joined) open.events.push(made);
    else commits.push({ user: userId, events: [made] });
  }
  const records: CommitRecord[] = [];
  for (const [index, { user: userId, events }] of commits.entries()) {
    const reached = users.get(userId);
    const outcome = await log.append({
      subject: userSubject(userId),
      commitId: uuid(0xc0000000 + index),
      payload: encodeCommit(events),
      expectedLastSequence: reached?.sequence ?? 0,
    });
    const record = outcome.kind === 'appended' ? await log.at(outcome.sequence) : null;
    if (!record || !reached) throw new Error('the history conflicts with itself');
    reached.sequence = record.sequence;
    records.push(record);
  }
  return records;
}
