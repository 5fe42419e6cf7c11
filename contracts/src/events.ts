import { z } from 'zod';
import { commandIdSchema, conversationIdSchema, messageIdSchema, userIdSchema } from './ids.ts';
import {
  attachmentsSchema,
  audienceSchema,
  bodySchema,
  ciphertextSchema,
  conversationTypeSchema,
  deviceIdSchema,
  emojiSchema,
  formatSchema,
  mentionsSchema,
  messageContentShape,
  metadataSchema,
  noteSchema,
  platformSchema,
  preferencesChangesSchema,
  profileChangesSchema,
  reportReasonSchema,
  roleSchema,
  settingsChangesSchema,
  settingsSchema,
} from './vocabulary.ts';

/**
 * Every event type with its current schema version. An event in the log may be older: upcasters bring it here.
 * `ordinal` on a membership event is the conversation's message count at that moment, so that a fold needs no
 * other state to know where a new member starts reading. Events carry whatever a fold would otherwise have to look
 * up (authors, the root of a thread, the role that was lost): a projection never reads what it wrote.
 */
const memberSchema = z.object({ userId: userIdSchema, role: roleSchema });
const ordinalSchema = z.int().min(1);
const headSchema = z.int().min(0);
const timeSchema = z.iso.datetime();
const reason = z.string().optional();
const userIds = z.array(userIdSchema);
const onMessage = { messageId: messageIdSchema, ordinal: ordinalSchema };
const inInbox = z.object({ conversationId: conversationIdSchema });
const ofSchedule = { scheduleId: commandIdSchema };

const conversationEvents = {
  'conversation.created': {
    version: 2,
    data: z.object({
      type: conversationTypeSchema,
      title: z.string().optional(),
      description: z.string().optional(),
      members: z.array(memberSchema),
      /** Broadcasts only. */
      audience: audienceSchema.optional(),
      settings: settingsSchema,
    }),
  },
  /** Only what changed; null = taken away. */
  'conversation.updated': {
    version: 1,
    data: z.object({
      title: z.string().nullable().optional(),
      description: z.string().nullable().optional(),
      avatar: z.string().nullable().optional(),
      settings: settingsChangesSchema.optional(),
    }),
  },
  'conversation.archived': { version: 1, data: z.object({ reason }) },
  'conversation.unarchived': { version: 1, data: z.object({ reason }) },
  'conversation.deleted': { version: 1, data: z.object({ reason }) },
  'members.added': {
    version: 2,
    data: z.object({
      members: z.array(memberSchema),
      via: z.enum(['join', 'add', 'invite']),
      ordinal: headSchema,
      /** Members once these are in; absent in events of version 1. */
      memberCount: z.int().min(1).optional(),
    }),
  },
  'member.left': { version: 1, data: z.object({ userId: userIdSchema }) },
  'members.removed': { version: 1, data: z.object({ userIds, reason }) },
  'member.role-changed': {
    version: 1,
    data: z.object({ userId: userIdSchema, from: roleSchema, to: roleSchema }),
  },
  /** Takes the membership away too: `role` is what was lost, absent when the user was no member. */
  'member.banned': {
    version: 1,
    data: z.object({
      userId: userIdSchema,
      role: roleSchema.optional(),
      until: timeSchema.optional(),
      reason,
    }),
  },
  'member.unbanned': { version: 1, data: z.object({ userId: userIdSchema }) },
  'member.invited': {
    version: 1,
    data: z.object({ userIds, role: roleSchema, expiresAt: timeSchema.optional() }),
  },
  'invite.declined': { version: 1, data: z.object({ userId: userIdSchema }) },
  'invite.revoked': { version: 1, data: z.object({ userIds }) },
  'message.sent': {
    version: 2,
    data: z.object({
      ...onMessage,
      /** Thread replies among the first `ordinal` messages: what main and thread unread are told apart by. */
      replies: headSchema,
      body: bodySchema.optional(),
      format: formatSchema,
      ciphertext: ciphertextSchema.optional(),
      attachments: attachmentsSchema,
      replyTo: messageIdSchema.optional(),
      /** Absent in events of version 1. */
      replyToAuthor: userIdSchema.optional(),
      /** The thread's root: id, ordinal and author, together or not at all. */
      threadId: messageIdSchema.optional(),
      threadOrdinal: ordinalSchema.optional(),
      threadAuthor: userIdSchema.optional(),
      mentions: mentionsSchema,
      metadata: metadataSchema.optional(),
    }),
  },
  'message.edited': {
    version: 2,
    data: z.object({
      ...onMessage,
      body: bodySchema.optional(),
      format: formatSchema,
      ciphertext: ciphertextSchema.optional(),
      /** Those of the new text: they replace the ones before. */
      mentions: mentionsSchema,
      /** The root's, when the message is in a thread. */
      threadOrdinal: ordinalSchema.optional(),
    }),
  },
  'message.deleted': {
    version: 2,
    data: z.object({
      ...onMessage,
      reason,
      /** Both absent in events of version 1. */
      authorId: userIdSchema.optional(),
      threadOrdinal: ordinalSchema.optional(),
    }),
  },
  /** Retention: the texts of all messages up to this one are gone. */
  'messages.expired': { version: 1, data: z.object({ throughOrdinal: ordinalSchema }) },
  'reaction.added': {
    version: 1,
    data: z.object({ ...onMessage, emoji: emojiSchema, authorId: userIdSchema }),
  },
  'reaction.removed': {
    version: 1,
    data: z.object({ ...onMessage, emoji: emojiSchema, authorId: userIdSchema }),
  },
  'message.pinned': { version: 1, data: z.object(onMessage) },
  'message.unpinned': { version: 1, data: z.object(onMessage) },
  /** The one way back for a read cursor, which is set, wherever it was: `ordinal` is the last message that counts as read. */
  'cursor.lowered': { version: 1, data: z.object({ userId: userIdSchema, ordinal: headSchema }) },
} as const;

const readsEvents = {
  'cursors.advanced': {
    version: 2,
    data: z.object({
      entries: z.array(
        z.object({
          conversationId: conversationIdSchema,
          userId: userIdSchema,
          readOrdinal: ordinalSchema.optional(),
          deliveredOrdinal: ordinalSchema.optional(),
          /** Counts for the reader and is shown to nobody else. */
          private: z.literal(true).optional(),
          /** The cursor is the one of the thread with this root. */
          threadOrdinal: ordinalSchema.optional(),
          /** The reader is no member but in the audience of a broadcast. */
          audience: z.literal(true).optional(),
          at: timeSchema,
        }),
      ),
    }),
  },
} as const;

/** A user's own facts: they reach that user's devices and nobody else. */
const userEvents = {
  'profile.changed': { version: 1, data: profileChangesSchema },
  'preferences.changed': { version: 1, data: preferencesChangesSchema },
  'inbox.muted': { version: 1, data: inInbox.extend({ until: timeSchema.optional() }) },
  'inbox.unmuted': { version: 1, data: inInbox },
  'inbox.archived': { version: 1, data: inInbox },
  'inbox.unarchived': { version: 1, data: inInbox },
  'inbox.pinned': { version: 1, data: inInbox },
  'inbox.unpinned': { version: 1, data: inInbox },
  'message.hidden': { version: 1, data: inInbox.extend(onMessage) },
  'message.reported': {
    version: 1,
    data: inInbox.extend({
      ...onMessage,
      authorId: userIdSchema,
      reason: reportReasonSchema,
      note: noteSchema.optional(),
    }),
  },
  'user.blocked': { version: 1, data: z.object({ userId: userIdSchema }) },
  'user.unblocked': { version: 1, data: z.object({ userId: userIdSchema }) },
  'device.registered': {
    version: 1,
    data: z.object({ deviceId: deviceIdSchema, platform: platformSchema, name: z.string().optional() }),
  },
  'device.removed': { version: 1, data: z.object({ deviceId: deviceIdSchema }) },
  'message.scheduled': {
    version: 1,
    data: z.object({
      ...ofSchedule,
      conversationId: conversationIdSchema,
      at: timeSchema,
      message: z.object(messageContentShape),
    }),
  },
  'schedule.cancelled': { version: 1, data: z.object(ofSchedule) },
  /** Its time has come: from here on it cannot be cancelled, and it is sent until that succeeds or is refused. */
  'schedule.released': { version: 1, data: z.object(ofSchedule) },
  /** It is in the conversation: nothing waits any more. */
  'schedule.sent': { version: 1, data: z.object(ofSchedule) },
  'schedule.failed': { version: 1, data: z.object({ ...ofSchedule, code: z.string() }) },
  /** By id, or all up to a sequence. */
  'notifications.read': {
    version: 1,
    data: z.object({ ids: z.array(z.string()).optional(), upTo: z.int().min(1).optional() }),
  },
} as const;

export const eventSchemas = { ...conversationEvents, ...readsEvents, ...userEvents } as const;

export type ConversationEventType = keyof typeof conversationEvents;
export type UserEventType = keyof typeof userEvents;
export type EventType = keyof typeof eventSchemas;
export type EventData<T extends EventType> = z.infer<(typeof eventSchemas)[T]['data']>;

/** CloudEvents 1.0 attributes plus Parley's extensions; see docs/glossary.md for version and ordinal. */
interface EnvelopeOf<T extends EventType> {
  specversion: '1.0';
  id: string;
  source: '/parley';
  type: T;
  /** `conversation/<id>`, `user/<id>` or `reads/<partition>`. */
  subject: string;
  time: string;
  dataschema: string;
  /** Dense per aggregate, from 1. Absent only on cursors, which merge by maximum and have no order. */
  version?: number;
  actor: string;
  commandid?: string;
  /** Hash of the request that the command id stands for: tells a retry from a reused key. */
  commandhash?: string;
  correlationid?: string;
  data: EventData<T>;
}

export type LogEvent = { [T in EventType]: EnvelopeOf<T> }[EventType];
export type ConversationEvent = { [T in ConversationEventType]: EnvelopeOf<T> }[ConversationEventType];
export type UserEvent = { [T in UserEventType]: EnvelopeOf<T> }[UserEventType];
export type EventOf<T extends EventType> = EnvelopeOf<T>;

/** An event of a type this build does not know: kept, shown as a placeholder, never fatal. */
export interface UnknownEvent extends Omit<EnvelopeOf<EventType>, 'type' | 'data'> {
  type: string;
  data: unknown;
}

export const envelopeSchema = z.object({
  specversion: z.literal('1.0'),
  id: z.string().min(1),
  source: z.literal('/parley'),
  type: z.string().min(1),
  subject: z.string().min(1),
  time: z.iso.datetime(),
  dataschema: z.string().min(1),
  version: z.int().min(1).optional(),
  actor: z.string().min(1),
  commandid: commandIdSchema.optional(),
  commandhash: z.string().optional(),
  correlationid: z.string().optional(),
  data: z.unknown(),
});

export function isKnown(event: LogEvent | UnknownEvent): event is LogEvent {
  return Object.hasOwn(eventSchemas, event.type);
}

export function isConversationEvent(event: LogEvent | UnknownEvent): event is ConversationEvent {
  return Object.hasOwn(conversationEvents, event.type);
}

export function isUserEvent(event: LogEvent | UnknownEvent): event is UserEvent {
  return Object.hasOwn(userEvents, event.type);
}

const DATASCHEMA = /^urn:parley:event:([a-z.-]+):(\d+)$/;

export function dataschemaOf(type: EventType): string {
  return `urn:parley:event:${type}:${eventSchemas[type].version}`;
}

/** Schema version a stored event was written with, or null when the urn is not ours. */
export function storedVersion(dataschema: string): number | null {
  const match = DATASCHEMA.exec(dataschema);
  return match ? Number(match[2]) : null;
}
