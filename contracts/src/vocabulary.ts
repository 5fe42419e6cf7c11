import { z } from 'zod';
import { conversationIdSchema, messageIdSchema, userIdSchema } from './ids.ts';

/** Words and limits that commands, events and views share. */
export const MAX_BODY_CHARACTERS = 10_000;
export const MAX_MEMBERS_PER_COMMAND = 1_000;
/** Receipts and read-by lists exist in conversations up to this size: in larger ones they would be a row per member. */
export const MAX_MEMBERS_WITH_RECEIPTS = 250;
export const MAX_MENTIONED_USERS = 50;
export const MAX_PINNED_MESSAGES = 100;
const MAX_METADATA_BYTES = 2_048;
/** Base64 characters of an opaque end-to-end payload: about 36 KB of ciphertext. */
const MAX_CIPHERTEXT_CHARACTERS = 48_000;

export const conversationTypeSchema = z.enum(['direct', 'group', 'channel', 'broadcast']);
export const roleSchema = z.enum(['owner', 'admin', 'moderator', 'member', 'guest']);
export const formatSchema = z.enum(['plain', 'markdown']);

export type ConversationType = z.infer<typeof conversationTypeSchema>;
export type Role = z.infer<typeof roleSchema>;
export type Format = z.infer<typeof formatSchema>;

/** Everything in Cc but tab, line feed and carriage return, plus lone surrogates. */
const FORBIDDEN_IN_TEXT = /[^\P{Cc}\t\n\r]|\p{Cs}/u;

/** Characters are code points: an emoji outside the basic plane counts once. */
function characterCount(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

function textSchema(maxCharacters: number) {
  return z
    .string()
    .refine((text) => !FORBIDDEN_IN_TEXT.test(text), 'must not contain control characters')
    .refine(
      (text) => text.length <= maxCharacters || characterCount(text) <= maxCharacters,
      `must be at most ${maxCharacters} characters`,
    );
}

const filledTextSchema = (maxCharacters: number) =>
  textSchema(maxCharacters).refine((text) => text.trim().length > 0, 'must not be empty');

export const bodySchema = filledTextSchema(MAX_BODY_CHARACTERS);
export const titleSchema = filledTextSchema(200);
export const descriptionSchema = textSchema(2_000);
export const reasonSchema = textSchema(500);
export const noteSchema = textSchema(2_000);
export const nameSchema = filledTextSchema(100);
const statusTextSchema = textSchema(200);
/** A picture is a link of the host application's, or an attachment's id: the server never fetches it. */
export const avatarSchema = filledTextSchema(1_000);

/**
 * A time that a client chose, in any offset; from here on it is UTC, to the millisecond. Events keep it for ever, so it
 * must be one that every store and language can hold.
 */
export const momentSchema = z.iso
  .datetime({ offset: true, error: 'must be a time like 2030-01-01T00:00:00Z' })
  .refine(
    (text) => text.length <= 30 && Date.parse(text) >= 0,
    'must be a time from 1970 on, at most to the nanosecond',
  )
  .transform((text) => new Date(text).toISOString());

/** One emoji or a custom name like `:party:`; compared exactly as sent. */
export const emojiSchema = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[^\s\p{Cc}\p{Cs}]+$/u, 'must be one emoji or a name without spaces')
  .regex(/[^\p{Cf}\p{M}]/u, 'must be visible');

export const metadataSchema = z
  .record(z.string(), z.json())
  .refine(
    (value) => new TextEncoder().encode(JSON.stringify(value)).length <= MAX_METADATA_BYTES,
    `must be at most ${MAX_METADATA_BYTES} bytes of JSON`,
  );

/** A name that machines give: any text that every store and language can hold. */
const labelSchema = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[^\p{Cc}\p{Cs}]+$/u, 'must not contain control characters');
export const deviceIdSchema = labelSchema;

/** What end-to-end encrypting clients exchange: the server stores it, shows it to members and understands nothing of it. */
export const ciphertextSchema = z.strictObject({
  alg: labelSchema,
  keyId: labelSchema,
  data: z
    .string()
    .min(1)
    .max(MAX_CIPHERTEXT_CHARACTERS)
    .regex(/^[A-Za-z0-9+/_=-]+$/, 'must be base64'),
});
export const attachmentSchema = z.strictObject({ attachmentId: messageIdSchema });
export const attachmentsSchema = z.array(attachmentSchema).max(10);

export type Ciphertext = z.infer<typeof ciphertextSchema>;
export type Attachment = z.infer<typeof attachmentSchema>;

/** Who a message calls, as the server made it out when the message was sent. `here` counts as `all` in every fold. */
export const mentionsSchema = z.object({
  users: z.array(userIdSchema),
  all: z.boolean(),
  here: z.boolean(),
});
export type Mentions = z.infer<typeof mentionsSchema>;

const day = 86_400;
export const settingsSchema = z.object({
  /** Seconds between two messages of one member; 0 = off. Moderators and higher are exempt. */
  slowModeSeconds: z.int().min(0).max(21_600),
  /** `joined` = nobody sees what was written before they joined. */
  historyVisibility: z.enum(['shared', 'joined']),
  /** Only moderators and higher write. */
  readOnly: z.boolean(),
  /** Messages older than this many days are emptied; null = kept. */
  retentionDays: z.int().min(1).max(3_650).nullable(),
  /** How long authors may edit, in seconds; null = for ever, 0 = never. */
  editWindowSeconds: z
    .int()
    .min(0)
    .max(365 * day)
    .nullable(),
  /** Whether members see how far the others have read. */
  receipts: z.boolean(),
});
export type Settings = z.infer<typeof settingsSchema>;
export const settingsChangesSchema = settingsSchema.partial();

export const DEFAULT_SETTINGS: Settings = {
  slowModeSeconds: 0,
  historyVisibility: 'shared',
  readOnly: false,
  retentionDays: null,
  editWindowSeconds: null,
  receipts: true,
};

/** Whom a broadcast reaches beyond its members; `segment` is a claim in the reader's token. */
export const audienceSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('all') }),
  z.strictObject({ kind: z.literal('segment'), segment: labelSchema }),
  z.strictObject({
    kind: z.literal('custom'),
    userIds: z.array(userIdSchema).min(1).max(MAX_MEMBERS_PER_COMMAND),
  }),
]);
export type Audience = z.infer<typeof audienceSchema>;

/** What a user may be told of: a kind that is off makes no notification. */
export const notificationKindSchema = z.enum(['mention', 'all', 'reply', 'thread', 'reaction', 'invite']);
export type NotificationKind = z.infer<typeof notificationKindSchema>;
/** In one conversation: everything, only what names the user (mention, all, reply), or nothing. */
export const notificationLevelSchema = z.enum(['all', 'mentions', 'none']);
export type NotificationLevel = z.infer<typeof notificationLevelSchema>;

export const preferencesSchema = z.object({
  notifications: z.record(notificationKindSchema, z.boolean()),
  conversations: z.record(conversationIdSchema, notificationLevelSchema),
  /** Whether a conversation that the user archived comes back with its next message. */
  unarchiveOnMessage: z.boolean(),
});
export type Preferences = z.infer<typeof preferencesSchema>;

/** What `user.set-preferences` changes; null for a conversation takes its own level away. */
export const preferencesChangesSchema = z.strictObject({
  notifications: z.partialRecord(notificationKindSchema, z.boolean()).optional(),
  conversations: z.record(conversationIdSchema, notificationLevelSchema.nullable()).optional(),
  unarchiveOnMessage: z.boolean().optional(),
});
export type PreferencesChanges = z.infer<typeof preferencesChangesSchema>;

export const DEFAULT_PREFERENCES: Preferences = {
  notifications: { mention: true, all: true, reply: true, thread: true, reaction: false, invite: true },
  conversations: {},
  unarchiveOnMessage: true,
};

export const profileChangesSchema = z.strictObject({
  displayName: nameSchema.nullable().optional(),
  avatar: avatarSchema.nullable().optional(),
  statusText: statusTextSchema.nullable().optional(),
  /** Whether others see when the user was last here. */
  lastSeenVisible: z.boolean().optional(),
});
export type ProfileChanges = z.infer<typeof profileChangesSchema>;

export const reportReasonSchema = z.enum([
  'spam',
  'harassment',
  'hate',
  'violence',
  'sexual',
  'self-harm',
  'illegal',
  'other',
]);
export const platformSchema = z.enum(['ios', 'android', 'web', 'desktop', 'other']);

/** What a message holds, whoever sends it and whenever. Exactly one of body and ciphertext, or attachments alone: `hasContent`. */
export const messageContentShape = {
  body: bodySchema.optional(),
  format: formatSchema.default('plain'),
  ciphertext: ciphertextSchema.optional(),
  attachments: attachmentsSchema.default([]),
  replyTo: messageIdSchema.optional(),
  threadId: messageIdSchema.optional(),
  metadata: metadataSchema.optional(),
};
interface Content {
  body?: string | undefined;
  ciphertext?: Ciphertext | undefined;
  attachments?: readonly Attachment[];
}

export function hasContent({ body, ciphertext, attachments = [] }: Content): boolean {
  if (body !== undefined && ciphertext !== undefined) return false;
  return body !== undefined || ciphertext !== undefined || attachments.length > 0;
}
export const CONTENT_RULE = 'needs a body or a ciphertext, not both, or attachments';
