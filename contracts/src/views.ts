import { z } from 'zod';
import { conversationIdSchema, messageIdSchema, userIdSchema } from './ids.ts';
import { positionSchema } from './position.ts';
import {
  attachmentSchema,
  audienceSchema,
  ciphertextSchema,
  conversationTypeSchema,
  formatSchema,
  mentionsSchema,
  messageContentShape,
  metadataSchema,
  notificationKindSchema,
  platformSchema,
  preferencesSchema,
  reportReasonSchema,
  roleSchema,
  settingsSchema,
} from './vocabulary.ts';

/**
 * What the read API answers. Every row that a client goes on from says the `version` it reflects: events at or below it
 * are in it.
 */
const timeSchema = z.iso.datetime();
const asOf = positionSchema;
const nextCursor = z.string().nullable();

export const conversationViewSchema = z.object({
  id: conversationIdSchema,
  type: conversationTypeSchema,
  title: z.string().nullable(),
  description: z.string().nullable(),
  avatar: z.string().nullable(),
  /** In direct conversations: whom the reader talks with. Null in all others, and as of the past. */
  otherUserId: userIdSchema.nullable(),
  /** Broadcasts only; `custom` names its users to the broadcast's members only. */
  audience: z.union([audienceSchema, z.strictObject({ kind: z.literal('custom') })]).nullable(),
  settings: settingsSchema,
  createdAt: timeSchema,
  createdBy: userIdSchema,
  memberCount: z.int(),
  /** All messages, thread replies and deleted ones included: the highest ordinal. */
  messageCount: z.int(),
  /** The newest message that is not in a thread. */
  lastMessage: z
    .object({
      messageId: messageIdSchema,
      ordinal: z.int(),
      senderId: userIdSchema,
      /** First 140 characters; null when the message was deleted or is encrypted, or the reader hid it. */
      preview: z.string().nullable(),
      sentAt: timeSchema,
    })
    .nullable(),
  archived: z.boolean(),
  version: z.int(),
});

export const membershipViewSchema = z.object({
  /** Null for who is in the audience of a broadcast without being its member. */
  role: roleSchema.nullable(),
  joinedAt: timeSchema.nullable(),
  readOrdinal: z.int(),
  deliveredOrdinal: z.int(),
  /** Messages after the read cursor, less thread replies and those that were deleted, hidden or expired. */
  unread: z.int(),
  /** Of those: how many mention the user, by name or all. */
  mentions: z.int(),
  /** Unread replies in the threads that the user follows: written in, started or mentioned in. */
  threadUnread: z.int(),
  muted: z.boolean(),
  /** Null while not muted, and when muted without an end. */
  mutedUntil: timeSchema.nullable(),
  archived: z.boolean(),
  pinned: z.boolean(),
});

export const inboxPageSchema = z.object({
  asOf,
  items: z.array(z.object({ conversation: conversationViewSchema, me: membershipViewSchema })),
  nextCursor,
});

/** Muted and archived conversations count in `mentions` only. */
export const unreadViewSchema = z.object({
  asOf,
  total: z.int(),
  mentions: z.int(),
  threads: z.int(),
  /** How many conversations have at least one unread message. */
  conversations: z.int(),
});

export const conversationAnswerSchema = z.object({
  asOf,
  conversation: conversationViewSchema,
  me: membershipViewSchema.nullable(),
});

export const memberViewSchema = z.object({
  userId: userIdSchema,
  role: roleSchema,
  joinedAt: timeSchema,
  /** As shown to others; null where receipts are off, in larger conversations, to non-members and in the past. */
  readOrdinal: z.int().nullable(),
  deliveredOrdinal: z.int().nullable(),
});
export const membersPageSchema = z.object({
  asOf,
  version: z.int(),
  items: z.array(memberViewSchema),
  nextCursor,
});

export const messageViewSchema = z.object({
  messageId: messageIdSchema,
  conversationId: conversationIdSchema,
  ordinal: z.int(),
  sequence: z.int(),
  senderId: userIdSchema,
  sentAt: timeSchema,
  /** Null when deleted, encrypted or made of attachments only. */
  body: z.string().nullable(),
  format: formatSchema,
  ciphertext: ciphertextSchema.nullable(),
  attachments: z.array(attachmentSchema),
  replyTo: messageIdSchema.nullable(),
  /** The root of the thread that this is a reply in. */
  threadId: messageIdSchema.nullable(),
  /** Replies in the thread that this is the root of; deleted ones do not count. */
  thread: z.object({ count: z.int(), lastAt: timeSchema }).nullable(),
  mentions: mentionsSchema,
  reactions: z.array(z.object({ emoji: z.string(), count: z.int(), mine: z.boolean() })),
  metadata: metadataSchema.nullable(),
  edited: z.object({ at: timeSchema, by: userIdSchema, count: z.int() }).nullable(),
  deleted: z.object({ at: timeSchema, by: userIdSchema, reason: z.string().nullable() }).nullable(),
  pinned: z.boolean(),
  version: z.int(),
});

/** Messages that the reader hid and those that retention emptied are left out; ordinals tell. */
export const messagesPageSchema = z.object({
  asOf,
  version: z.int(),
  items: z.array(messageViewSchema),
  hasBefore: z.boolean(),
  hasAfter: z.boolean(),
});
export const messageAnswerSchema = z.object({ asOf, message: messageViewSchema });

/** Oldest first; the last one is the present text. */
export const historyAnswerSchema = z.object({
  asOf,
  items: z.array(
    z.object({
      at: timeSchema,
      by: userIdSchema,
      body: z.string().nullable(),
      format: formatSchema,
      ciphertext: ciphertextSchema.nullable(),
      version: z.int(),
    }),
  ),
});

export const reactionsPageSchema = z.object({
  asOf,
  items: z.array(z.object({ emoji: z.string(), userId: userIdSchema, at: timeSchema })),
  nextCursor,
});

export const receiptsAnswerSchema = z.object({
  asOf,
  items: z.array(z.object({ userId: userIdSchema, readOrdinal: z.int(), deliveredOrdinal: z.int() })),
});

export const pinsAnswerSchema = z.object({
  asOf,
  items: z.array(z.object({ message: messageViewSchema, pinnedAt: timeSchema, pinnedBy: userIdSchema })),
});

export const bansPageSchema = z.object({
  asOf,
  items: z.array(
    z.object({
      userId: userIdSchema,
      by: userIdSchema,
      at: timeSchema,
      until: timeSchema.nullable(),
      reason: z.string().nullable(),
    }),
  ),
  nextCursor,
});

const inviteShape = {
  role: roleSchema,
  invitedBy: userIdSchema,
  at: timeSchema,
  expiresAt: timeSchema.nullable(),
};
export const conversationInvitesPageSchema = z.object({
  asOf,
  items: z.array(z.object({ userId: userIdSchema, ...inviteShape })),
  nextCursor,
});
export const myInvitesPageSchema = z.object({
  asOf,
  items: z.array(
    z.object({
      conversationId: conversationIdSchema,
      type: conversationTypeSchema,
      title: z.string().nullable(),
      memberCount: z.int(),
      ...inviteShape,
    }),
  ),
  nextCursor,
});

export const reportsPageSchema = z.object({
  asOf,
  items: z.array(
    z.object({
      conversationId: conversationIdSchema,
      messageId: messageIdSchema,
      ordinal: z.int(),
      authorId: userIdSchema,
      reportedBy: userIdSchema,
      reason: reportReasonSchema,
      note: z.string().nullable(),
      at: timeSchema,
    }),
  ),
  nextCursor,
});

/** Raw facts of a conversation, as stored; an event the reader may not see keeps its version and loses its data. */
export const eventsPageSchema = z.object({
  asOf,
  items: z.array(
    z.object({ sequence: z.int(), events: z.array(z.looseObject({ id: z.string(), type: z.string() })) }),
  ),
  /** The conversation's newest version. */
  head: z.int(),
});

export const threadsPageSchema = z.object({
  asOf,
  items: z.array(
    z.object({
      conversationId: conversationIdSchema,
      root: messageViewSchema,
      readOrdinal: z.int(),
      unread: z.int(),
      lastReplyAt: timeSchema,
    }),
  ),
  nextCursor,
});

export const notificationsPageSchema = z.object({
  asOf,
  items: z.array(
    z.object({
      /** The same for the same fact, user and kind, however often it is asked for. */
      id: z.uuid(),
      kind: notificationKindSchema,
      conversationId: conversationIdSchema,
      title: z.string().nullable(),
      messageId: messageIdSchema.nullable(),
      ordinal: z.int().nullable(),
      by: userIdSchema,
      preview: z.string().nullable(),
      emoji: z.string().nullable(),
      at: timeSchema,
      /** Of the commit it comes from: what `notifications.read` takes as `upTo`. */
      sequence: z.int(),
      read: z.boolean(),
    }),
  ),
  nextCursor,
});

export const scheduledPageSchema = z.object({
  asOf,
  items: z.array(
    z.object({
      scheduleId: z.uuid(),
      conversationId: conversationIdSchema,
      at: timeSchema,
      message: z.object(messageContentShape),
      state: z.enum(['pending', 'sending', 'failed']),
      /** Why it could not be sent. */
      code: z.string().nullable(),
    }),
  ),
  nextCursor,
});

export const userViewSchema = z.object({
  userId: userIdSchema,
  displayName: z.string().nullable(),
  avatar: z.string().nullable(),
  statusText: z.string().nullable(),
  /** Null for everybody but the user: it moves with what they do in private as well. */
  version: z.int().nullable(),
});
export const userAnswerSchema = z.object({ asOf, user: userViewSchema });
export const usersAnswerSchema = z.object({ asOf, items: z.array(userViewSchema) });
export const meAnswerSchema = z.object({
  asOf,
  user: userViewSchema,
  lastSeenVisible: z.boolean(),
  preferences: preferencesSchema,
  blocked: z.array(userIdSchema),
  devices: z.array(
    z.object({
      deviceId: z.string(),
      platform: platformSchema,
      name: z.string().nullable(),
      registeredAt: timeSchema,
    }),
  ),
});

export const searchPageSchema = z.object({
  asOf,
  items: z.array(
    z.object({
      message: messageViewSchema,
      conversationTitle: z.string().nullable(),
      /** Around the first hits, which stand between U+0002 and U+0003; the rest is plain text. */
      excerpt: z.string(),
    }),
  ),
  nextCursor,
});

export const channelsPageSchema = z.object({
  asOf,
  items: z.array(z.object({ conversation: conversationViewSchema, member: z.boolean() })),
  nextCursor,
});

/** What was done to a conversation and its people, newest first; messages themselves are not in it. */
export const auditPageSchema = z.object({
  asOf,
  items: z.array(
    z.object({
      sequence: z.int(),
      version: z.int(),
      conversationId: conversationIdSchema,
      at: timeSchema,
      actor: userIdSchema,
      type: z.string(),
      details: z.record(z.string(), z.json()),
    }),
  ),
  nextCursor,
});

export type ConversationView = z.infer<typeof conversationViewSchema>;
export type MembershipView = z.infer<typeof membershipViewSchema>;
export type InboxPage = z.infer<typeof inboxPageSchema>;
export type UnreadView = z.infer<typeof unreadViewSchema>;
export type ConversationAnswer = z.infer<typeof conversationAnswerSchema>;
export type MemberView = z.infer<typeof memberViewSchema>;
export type MembersPage = z.infer<typeof membersPageSchema>;
export type MessageView = z.infer<typeof messageViewSchema>;
export type MessagesPage = z.infer<typeof messagesPageSchema>;
export type MessageAnswer = z.infer<typeof messageAnswerSchema>;
export type HistoryAnswer = z.infer<typeof historyAnswerSchema>;
export type ReactionsPage = z.infer<typeof reactionsPageSchema>;
export type ReceiptsAnswer = z.infer<typeof receiptsAnswerSchema>;
export type PinsAnswer = z.infer<typeof pinsAnswerSchema>;
export type BansPage = z.infer<typeof bansPageSchema>;
export type ConversationInvitesPage = z.infer<typeof conversationInvitesPageSchema>;
export type MyInvitesPage = z.infer<typeof myInvitesPageSchema>;
export type ReportsPage = z.infer<typeof reportsPageSchema>;
export type EventsPage = z.infer<typeof eventsPageSchema>;
export type ThreadsPage = z.infer<typeof threadsPageSchema>;
export type NotificationsPage = z.infer<typeof notificationsPageSchema>;
export type ScheduledPage = z.infer<typeof scheduledPageSchema>;
export type UserView = z.infer<typeof userViewSchema>;
export type UserAnswer = z.infer<typeof userAnswerSchema>;
export type UsersAnswer = z.infer<typeof usersAnswerSchema>;
export type MeAnswer = z.infer<typeof meAnswerSchema>;
export type SearchPage = z.infer<typeof searchPageSchema>;
export type ChannelsPage = z.infer<typeof channelsPageSchema>;
export type AuditPage = z.infer<typeof auditPageSchema>;
