import {
  conversationSubject,
  DEFAULT_SETTINGS,
  dataschemaOf,
  type EventData,
  type EventType,
  encodeCommit,
  type LogEvent,
  parseSubject,
  readsSubject,
} from '@parley/contracts';
import type { LaneCommit } from '../projections/fold-batch.ts';

export const ROOM = '01920000-0000-7000-8000-000000000001';

/** A UUIDv7 that says which one it is. */
export function uuid(number: number): string {
  return `01920000-0000-7000-9000-${number.toString(16).padStart(12, '0')}`;
}

export function timeOf(second: number): string {
  return new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString();
}

export interface Attributes {
  version?: number;
  actor?: string;
  time?: string;
  commandid?: string;
  conversationId?: string;
}

let made = 0;

/** An event as a writer would record it. */
export function event<T extends EventType>(
  type: T,
  data: EventData<T>,
  attributes: Attributes = {},
): LogEvent {
  made += 1;
  const { conversationId = ROOM, actor = 'ann', time = timeOf(made), version, commandid } = attributes;
  return {
    specversion: '1.0',
    id: uuid(0xe0000000 + made),
    source: '/parley',
    type,
    subject: `conversation/${conversationId}`,
    time,
    dataschema: dataschemaOf(type),
    actor,
    data,
    ...(version === undefined ? {} : { version }),
    ...(commandid === undefined ? {} : { commandid }),
  } as LogEvent;
}

/** A commit of one conversation at a place in the log; events without a version get the next ones. */
export function commitOf(
  sequence: number,
  events: readonly LogEvent[],
  subject = conversationSubject(ROOM),
): LaneCommit {
  return { sequence, subject, aggregate: parseSubject(subject), payload: encodeCommit(events) };
}

type CursorEntry = EventData<'cursors.advanced'>['entries'][number];
type Cursor = Omit<CursorEntry, 'conversationId' | 'at'>;

export function cursors(entries: Cursor[], conversationId = ROOM): LogEvent {
  const at = timeOf(0);
  return event('cursors.advanced', { entries: entries.map((entry) => ({ ...entry, conversationId, at })) });
}

export function cursorsCommit(sequence: number, entries: Cursor[]): LaneCommit {
  return commitOf(sequence, [cursors(entries)], readsSubject(ROOM));
}

/** Versions 1, 2, 3… for events of one conversation in order. */
export function numbered(events: readonly LogEvent[], first = 1): LogEvent[] {
  return events.map((item, index) => ({ ...item, version: first + index }));
}

export const NOBODY = { users: [], all: false, here: false };

export const created = (members: string[] = ['ann'], attributes: Attributes = {}) =>
  event(
    'conversation.created',
    {
      type: 'group',
      title: 'Room',
      members: members.map((userId) => ({ userId, role: 'member' })),
      settings: DEFAULT_SETTINGS,
    },
    attributes,
  );

/** What a message holds besides the plain text that `sent` gives it. */
type More = Partial<EventData<'message.sent'>>;

export const sent = (
  ordinal: number,
  body = `message ${ordinal}`,
  attributes: Attributes = {},
  more: More = {},
) =>
  event(
    'message.sent',
    {
      messageId: uuid(ordinal),
      ordinal,
      replies: 0,
      body,
      format: 'plain',
      attachments: [],
      mentions: NOBODY,
      ...more,
    },
    attributes,
  );

/** A reply in the thread of message 1, which ann wrote. */
export const replied = (ordinal: number, replies: number, attributes: Attributes = {}, more: More = {}) =>
  sent(ordinal, `reply ${ordinal}`, attributes, {
    replies,
    threadId: uuid(1),
    threadOrdinal: 1,
    threadAuthor: 'ann',
    ...more,
  });

export const edited = (
  ordinal: number,
  body: string,
  attributes: Attributes = {},
  more: Partial<EventData<'message.edited'>> = {},
) =>
  event(
    'message.edited',
    { messageId: uuid(ordinal), ordinal, body, format: 'plain', mentions: NOBODY, ...more },
    attributes,
  );

export const deleted = (ordinal: number, attributes: Attributes = {}) =>
  event(
    'message.deleted',
    { messageId: uuid(ordinal), ordinal, reason: 'spam', authorId: 'ann' },
    attributes,
  );

export const expired = (throughOrdinal: number) => event('messages.expired', { throughOrdinal });

export const reacted = (ordinal: number, emoji: string, added: boolean, attributes: Attributes = {}) =>
  event(
    added ? 'reaction.added' : 'reaction.removed',
    { messageId: uuid(ordinal), ordinal, emoji, authorId: 'ann' },
    attributes,
  );
