import { z } from 'zod';
import { commandIdSchema, conversationIdSchema, messageIdSchema, userIdSchema } from './ids.ts';
import {
  bodySchema,
  conversationTypeSchema,
  descriptionSchema,
  formatSchema,
  MAX_MEMBERS_PER_COMMAND,
  metadataSchema,
  reasonSchema,
  roleSchema,
  titleSchema,
} from './vocabulary.ts';

const newMember = z.strictObject({ userId: userIdSchema, role: roleSchema.default('member') });
const empty = z.strictObject({});
/** Place of a commit in the log: with it a command on an old message needs no lookup. */
const sequenceSchema = z.int().min(1);
const ordinalSchema = z.int().min(1);

/** Every command: its data as sent to `POST /v1/commands/<type>` and its result. Unknown fields are refused. */
export const commandSchemas = {
  'conversation.create': {
    data: z.strictObject({
      type: conversationTypeSchema,
      conversationId: conversationIdSchema.optional(),
      title: titleSchema.optional(),
      description: descriptionSchema.optional(),
      members: z.array(newMember).max(MAX_MEMBERS_PER_COMMAND).default([]),
    }),
    result: z.object({ conversationId: conversationIdSchema, created: z.boolean() }),
  },
  'conversation.join': {
    data: z.strictObject({ conversationId: conversationIdSchema }),
    result: z.object({ role: roleSchema }),
  },
  'conversation.leave': { data: z.strictObject({ conversationId: conversationIdSchema }), result: empty },
  'members.add': {
    data: z.strictObject({
      conversationId: conversationIdSchema,
      members: z.array(newMember).min(1).max(MAX_MEMBERS_PER_COMMAND),
    }),
    result: z.object({ added: z.array(userIdSchema) }),
  },
  'members.remove': {
    data: z.strictObject({
      conversationId: conversationIdSchema,
      userIds: z.array(userIdSchema).min(1).max(MAX_MEMBERS_PER_COMMAND),
      reason: reasonSchema.optional(),
    }),
    result: z.object({ removed: z.array(userIdSchema) }),
  },
  'message.send': {
    data: z.strictObject({
      conversationId: conversationIdSchema,
      body: bodySchema,
      format: formatSchema.default('plain'),
      replyTo: messageIdSchema.optional(),
      metadata: metadataSchema.optional(),
    }),
    result: z.object({ messageId: messageIdSchema, ordinal: ordinalSchema }),
  },
  'message.edit': {
    data: z.strictObject({
      conversationId: conversationIdSchema,
      messageId: messageIdSchema,
      sequence: sequenceSchema.optional(),
      body: bodySchema,
      format: formatSchema.default('plain'),
    }),
    result: empty,
  },
  'message.delete': {
    data: z.strictObject({
      conversationId: conversationIdSchema,
      messageId: messageIdSchema,
      sequence: sequenceSchema.optional(),
      reason: reasonSchema.optional(),
    }),
    result: empty,
  },
  'messages.read': {
    data: z.strictObject({ conversationId: conversationIdSchema, ordinal: ordinalSchema }),
    result: z.object({ ordinal: z.int().min(0) }),
  },
} as const;

export type CommandType = keyof typeof commandSchemas;
export type CommandInput<T extends CommandType> = z.input<(typeof commandSchemas)[T]['data']>;
export type CommandData<T extends CommandType> = z.output<(typeof commandSchemas)[T]['data']>;
export type CommandResult<T extends CommandType> = z.infer<(typeof commandSchemas)[T]['result']>;

/** A command as the write side handles it: validated, attributed, stamped. `at` is milliseconds since 1970. */
export type Command = {
  [T in CommandType]: { type: T; id: string; actor: string; at: number; data: CommandData<T> };
}[CommandType];

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
