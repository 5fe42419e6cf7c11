import { z } from 'zod';
import { commandIdSchema, conversationIdSchema, userIdSchema } from '../ids.ts';
import { positionSchema } from '../position.ts';
import {
  conversationViewSchema,
  membershipViewSchema,
  memberViewSchema,
  messageViewSchema,
  userViewSchema,
} from '../views.ts';
import {
  attachmentSchema,
  audienceSchema,
  bodySchema,
  ciphertextSchema,
  conversationTypeSchema,
  emojiSchema,
  formatSchema,
  MAX_BODY_CHARACTERS,
  mentionsSchema,
  metadataSchema,
  notificationKindSchema,
  notificationLevelSchema,
  platformSchema,
  preferencesSchema,
  reportReasonSchema,
  roleSchema,
  settingsSchema,
} from '../vocabulary.ts';

/**
 * Schemas that the documents name once and refer to. Kept beside the schemas and not on them: a description there would
 * change the hashes that stored events and clients are pinned to.
 */
export const components = z.registry<{ id: string; description: string }>();

const named: [schema: z.ZodType, id: string, description: string][] = [
  [
    conversationIdSchema,
    'Uuid',
    'A lower-case UUID. The id of a message is the id of the command that sent it.',
  ],
  [commandIdSchema, 'CommandId', 'A lower-case UUIDv7, made by the client once and repeated on every retry.'],
  [userIdSchema, 'UserId', 'The subject of the token: 1 to 128 bytes without control characters.'],
  [positionSchema, 'Position', 'A place in one incarnation of the log: `<epoch>:<sequence>`.'],
  [conversationTypeSchema, 'ConversationType', 'Fixed when the conversation is created.'],
  [roleSchema, 'Role', 'From most to least: owner, admin, moderator, member, guest.'],
  [formatSchema, 'Format', 'How the body is to be shown; the server does not read it.'],
  [bodySchema, 'Body', `Text of a message, at most ${MAX_BODY_CHARACTERS} characters.`],
  [emojiSchema, 'Emoji', 'One emoji or a custom name such as `:party:`; compared exactly as sent.'],
  [metadataSchema, 'Metadata', 'Free for the host application: at most 2,048 bytes of JSON.'],
  [ciphertextSchema, 'Ciphertext', 'End-to-end encrypted content: stored and shown, never understood.'],
  [attachmentSchema, 'Attachment', 'A file that was uploaded before.'],
  [mentionsSchema, 'Mentions', 'Who the message calls, as the server made it out of its text.'],
  [settingsSchema, 'Settings', 'How the conversation behaves.'],
  [audienceSchema, 'Audience', 'Whom a broadcast reaches beyond its members.'],
  [preferencesSchema, 'Preferences', 'What the user wants to be told of.'],
  [notificationKindSchema, 'NotificationKind', 'What a user may be told of.'],
  [notificationLevelSchema, 'NotificationLevel', 'Everything, only what names the user, or nothing.'],
  [reportReasonSchema, 'ReportReason', 'Why a message is reported.'],
  [platformSchema, 'Platform', 'What kind of device it is.'],
  [conversationViewSchema, 'Conversation', 'A conversation as its reader may see it.'],
  [membershipViewSchema, 'Membership', 'What the reader is in a conversation, and what is unread there.'],
  [memberViewSchema, 'Member', 'A member as others see them.'],
  [messageViewSchema, 'Message', 'A message as its reader may see it; a deleted one shows no content.'],
  [userViewSchema, 'User', 'A profile.'],
];
for (const [schema, id, description] of named) components.add(schema, { id, description });
