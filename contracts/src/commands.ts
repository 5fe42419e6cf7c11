import { z } from 'zod';
import { commandIdSchema, conversationIdSchema, messageIdSchema, userIdSchema } from './ids.ts';
import {
  audienceSchema,
  avatarSchema,
  bodySchema,
  CONTENT_RULE,
  ciphertextSchema,
  conversationTypeSchema,
  descriptionSchema,
  deviceIdSchema,
  emojiSchema,
  formatSchema,
  hasContent,
  MAX_MEMBERS_PER_COMMAND,
  messageContentShape,
  momentSchema,
  nameSchema,
  noteSchema,
  platformSchema,
  preferencesChangesSchema,
  profileChangesSchema,
  reasonSchema,
  reportReasonSchema,
  roleSchema,
  settingsChangesSchema,
  titleSchema,
} from './vocabulary.ts';

const newMember = z.strictObject({ userId: userIdSchema, role: roleSchema.default('member') });
const empty = z.strictObject({});
/** Place of a commit in the log: with it a command on an old message needs no lookup. */
const sequenceSchema = z.int().min(1);
const ordinalSchema = z.int().min(1);
const heldSchema = z.object({ ordinal: z.int().min(0) });
const userIdsSchema = z.array(userIdSchema).min(1).max(MAX_MEMBERS_PER_COMMAND);
const reason = reasonSchema.optional();

const inConversation = { conversationId: conversationIdSchema };
const onMessage = { ...inConversation, messageId: messageIdSchema, sequence: sequenceSchema.optional() };
const onConversation = { data: z.strictObject(inConversation), result: empty };
const onConversationWithReason = { data: z.strictObject({ ...inConversation, reason }), result: empty };
const withEmoji = { data: z.strictObject({ ...onMessage, emoji: emojiSchema }), result: empty };

/** Every command: its data as sent to `POST /v1/commands/<type>` and its result. Unknown fields are refused. */
export const commandSchemas = {
  'conversation.create': {
    data: z.strictObject({
      type: conversationTypeSchema,
      conversationId: conversationIdSchema.optional(),
      title: titleSchema.optional(),
      description: descriptionSchema.optional(),
      members: z.array(newMember).max(MAX_MEMBERS_PER_COMMAND).default([]),
      audience: audienceSchema.optional(),
      settings: settingsChangesSchema.strict().optional(),
    }),
    result: z.object({ conversationId: conversationIdSchema, created: z.boolean() }),
  },
  'conversation.update': {
    data: z
      .strictObject({
        ...inConversation,
        title: titleSchema.nullable().optional(),
        description: descriptionSchema.nullable().optional(),
        avatar: avatarSchema.nullable().optional(),
        settings: settingsChangesSchema.strict().optional(),
      })
      .refine(({ conversationId: _, ...changes }) => Object.keys(changes).length > 0, {
        message: 'names nothing to change',
        path: ['title'],
      }),
    result: empty,
  },
  'conversation.archive': onConversationWithReason,
  'conversation.unarchive': onConversationWithReason,
  'conversation.delete': onConversationWithReason,
  'conversation.join': { data: z.strictObject(inConversation), result: z.object({ role: roleSchema }) },
  'conversation.leave': onConversation,
  /** Retention, asked for by the notifier: empties the messages up to this one. */
  'conversation.expire-messages': {
    data: z.strictObject({ ...inConversation, throughOrdinal: ordinalSchema }),
    result: z.object({ throughOrdinal: z.int().min(0) }),
  },
  'members.add': {
    data: z.strictObject({
      ...inConversation,
      members: z.array(newMember).min(1).max(MAX_MEMBERS_PER_COMMAND),
    }),
    result: z.object({ added: z.array(userIdSchema) }),
  },
  'members.remove': {
    data: z.strictObject({ ...inConversation, userIds: userIdsSchema, reason }),
    result: z.object({ removed: z.array(userIdSchema) }),
  },
  'members.set-role': {
    data: z.strictObject({ ...inConversation, userId: userIdSchema, role: roleSchema }),
    result: empty,
  },
  'members.ban': {
    data: z.strictObject({ ...inConversation, userId: userIdSchema, until: momentSchema.optional(), reason }),
    result: empty,
  },
  'members.unban': { data: z.strictObject({ ...inConversation, userId: userIdSchema }), result: empty },
  'members.invite': {
    data: z.strictObject({
      ...inConversation,
      userIds: userIdsSchema,
      role: roleSchema.default('member'),
      expiresAt: momentSchema.optional(),
    }),
    result: z.object({ invited: z.array(userIdSchema) }),
  },
  'members.accept-invite': { data: z.strictObject(inConversation), result: z.object({ role: roleSchema }) },
  'members.decline-invite': onConversation,
  'message.send': {
    data: z
      .strictObject({ ...inConversation, ...messageContentShape })
      .refine(hasContent, { message: CONTENT_RULE, path: ['body'] }),
    result: z.object({ messageId: messageIdSchema, ordinal: ordinalSchema }),
  },
  'message.edit': {
    data: z
      .strictObject({
        ...onMessage,
        body: bodySchema.optional(),
        format: formatSchema.default('plain'),
        ciphertext: ciphertextSchema.optional(),
      })
      .refine(hasContent, { message: 'needs a body or a ciphertext, not both', path: ['body'] }),
    result: empty,
  },
  'message.delete': { data: z.strictObject({ ...onMessage, reason }), result: empty },
  'message.react': withEmoji,
  'message.unreact': withEmoji,
  'message.pin': { data: z.strictObject(onMessage), result: empty },
  'message.unpin': { data: z.strictObject(onMessage), result: empty },
  'message.report': {
    data: z.strictObject({ ...onMessage, reason: reportReasonSchema, note: noteSchema.optional() }),
    result: empty,
  },
  'message.schedule': {
    data: z.strictObject({
      ...inConversation,
      at: momentSchema,
      message: z
        .strictObject(messageContentShape)
        .refine(hasContent, { message: CONTENT_RULE, path: ['body'] }),
    }),
    result: z.object({ scheduleId: commandIdSchema }),
  },
  'message.cancel-schedule': { data: z.strictObject({ scheduleId: commandIdSchema }), result: empty },
  /** Asked for by the notifier when the time has come; `code` says why it could not be sent. */
  'message.deliver-scheduled': {
    data: z.strictObject({ userId: userIdSchema, scheduleId: commandIdSchema }),
    result: z.object({ outcome: z.enum(['sent', 'failed', 'cancelled']), code: z.string().optional() }),
  },
  /** `threadId` moves the cursor of that thread instead of the conversation's. */
  'messages.read': {
    data: z.strictObject({
      ...inConversation,
      ordinal: ordinalSchema,
      private: z.boolean().default(false),
      threadId: messageIdSchema.optional(),
    }),
    result: heldSchema,
  },
  'messages.delivered': {
    data: z.strictObject({ ...inConversation, ordinal: ordinalSchema }),
    result: heldSchema,
  },
  /** The message and all after it count as unread; the result is the cursor, one below. */
  'messages.mark-unread': {
    data: z.strictObject({ ...inConversation, ordinal: ordinalSchema }),
    result: heldSchema,
  },
  'user.set-profile': {
    data: profileChangesSchema.refine(
      (changes) => Object.keys(changes).length > 0,
      'names nothing to change',
    ),
    result: empty,
  },
  'user.set-preferences': {
    data: preferencesChangesSchema.refine(
      (changes) => Object.keys(changes).length > 0,
      'names nothing to change',
    ),
    result: empty,
  },
  'user.mute': { data: z.strictObject({ ...inConversation, until: momentSchema.optional() }), result: empty },
  'user.unmute': onConversation,
  'user.archive': onConversation,
  'user.unarchive': onConversation,
  'user.pin': onConversation,
  'user.unpin': onConversation,
  'user.hide-message': { data: z.strictObject(onMessage), result: empty },
  'user.block': { data: z.strictObject({ userId: userIdSchema }), result: empty },
  'user.unblock': { data: z.strictObject({ userId: userIdSchema }), result: empty },
  'user.register-device': {
    data: z.strictObject({ deviceId: deviceIdSchema, platform: platformSchema, name: nameSchema.optional() }),
    result: empty,
  },
  'user.remove-device': { data: z.strictObject({ deviceId: deviceIdSchema }), result: empty },
  'notifications.read': {
    data: z
      .strictObject({ ids: z.array(z.uuid()).min(1).max(200).optional(), upTo: sequenceSchema.optional() })
      .refine(({ ids, upTo }) => (ids === undefined) !== (upTo === undefined), {
        message: 'name either ids or upTo',
        path: ['ids'],
      }),
    result: empty,
  },
} as const;

/** Commands that only a token with this scope may send. */
export const SERVICE_SCOPE = 'parley:service';
export const serviceCommands: ReadonlySet<CommandType> = new Set([
  'conversation.expire-messages',
  'message.deliver-scheduled',
]);

export type CommandType = keyof typeof commandSchemas;
export type CommandInput<T extends CommandType> = z.input<(typeof commandSchemas)[T]['data']>;
export type CommandData<T extends CommandType> = z.output<(typeof commandSchemas)[T]['data']>;
export type CommandResult<T extends CommandType> = z.infer<(typeof commandSchemas)[T]['result']>;

export type CommandOf<T extends CommandType> = {
  type: T;
  id: string;
  actor: string;
  /** Of the actor's token: what a broadcast's audience is made of. */
  segments: readonly string[];
  /** Milliseconds since 1970. */
  at: number;
  data: CommandData<T>;
};

/** A command as the write side handles it: validated, attributed, stamped. */
export type Command = { [T in CommandType]: CommandOf<T> }[CommandType];

export const MAX_COMMANDS_PER_BATCH = 100;

/** One item of `POST /v1/commands`; `data` is checked against the type's own schema, item by item. */
export const batchSchema = z
  .array(z.strictObject({ key: commandIdSchema, type: z.string(), data: z.unknown() }))
  .min(1)
  .max(MAX_COMMANDS_PER_BATCH);

export interface CommandAccepted<T extends CommandType = CommandType> {
  commandId: string;
  /** Position of the commit that holds the outcome; for a no-op, of the newest commit it was checked against. */
  position: string;
  /** The aggregate's version after the command; 0 for cursors, which have none. */
  version: number;
  result: CommandResult<T>;
  replayed: boolean;
}

export function isCommandType(type: string): type is CommandType {
  return Object.hasOwn(commandSchemas, type);
}
