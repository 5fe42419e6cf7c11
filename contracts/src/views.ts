import { z } from 'zod';
import { conversationIdSchema, messageIdSchema, userIdSchema } from './ids.ts';
import { positionSchema } from './position.ts';
import { conversationTypeSchema, formatSchema, metadataSchema, roleSchema } from './vocabulary.ts';

/** What the read API answers. Every row says the `version` it reflects: a client drops events at or below it. */
export const conversationViewSchema = z.object({
  id: conversationIdSchema,
  type: conversationTypeSchema,
  title: z.string().nullable(),
  description: z.string().nullable(),
  createdAt: z.iso.datetime(),
  createdBy: userIdSchema,
  memberCount: z.int(),
  messageCount: z.int(),
  lastMessage: z
    .object({
      messageId: messageIdSchema,
      ordinal: z.int(),
      senderId: userIdSchema,
      /** First 140 characters; null when the message was deleted. */
      preview: z.string().nullable(),
      sentAt: z.iso.datetime(),
    })
    .nullable(),
  version: z.int(),
});

const membershipViewSchema = z.object({
  role: roleSchema,
  joinedAt: z.iso.datetime(),
  readOrdinal: z.int(),
  /** Message count − read ordinal − messages deleted after the read ordinal. */
  unread: z.int(),
});

export const inboxPageSchema = z.object({
  asOf: positionSchema,
  items: z.array(z.object({ conversation: conversationViewSchema, me: membershipViewSchema })),
  nextCursor: z.string().nullable(),
});

export const unreadViewSchema = z.object({
  asOf: positionSchema,
  total: z.int(),
  /** How many conversations have at least one unread message. */
  conversations: z.int(),
});

export const conversationAnswerSchema = z.object({
  asOf: positionSchema,
  conversation: conversationViewSchema,
  me: membershipViewSchema.nullable(),
});

const memberViewSchema = z.object({
  userId: userIdSchema,
  role: roleSchema,
  joinedAt: z.iso.datetime(),
  /** Null for a reader who is not a member. */
  readOrdinal: z.int().nullable(),
});

export const membersPageSchema = z.object({
  asOf: positionSchema,
  version: z.int(),
  items: z.array(memberViewSchema),
  nextCursor: z.string().nullable(),
});

const messageViewSchema = z.object({
  messageId: messageIdSchema,
  conversationId: conversationIdSchema,
  ordinal: z.int(),
  sequence: z.int(),
  senderId: userIdSchema,
  sentAt: z.iso.datetime(),
  /** Null when deleted. */
  body: z.string().nullable(),
  format: formatSchema,
  replyTo: messageIdSchema.nullable(),
  metadata: metadataSchema.nullable(),
  edited: z.object({ at: z.iso.datetime(), by: userIdSchema, count: z.int() }).nullable(),
  deleted: z.object({ at: z.iso.datetime(), by: userIdSchema, reason: z.string().nullable() }).nullable(),
  version: z.int(),
});

export const messagesPageSchema = z.object({
  asOf: positionSchema,
  version: z.int(),
  items: z.array(messageViewSchema),
  hasBefore: z.boolean(),
  hasAfter: z.boolean(),
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
