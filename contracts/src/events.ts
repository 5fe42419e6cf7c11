import { z } from 'zod';
import { commandIdSchema, conversationIdSchema, messageIdSchema, userIdSchema } from './ids.ts';
import {
  bodySchema,
  conversationTypeSchema,
  formatSchema,
  metadataSchema,
  roleSchema,
} from './vocabulary.ts';

/**
 * Every event type with its current schema version. An event in the log may be older: upcasters bring it here.
 * `ordinal` on a membership event is the conversation's message count at that moment, so that a fold needs no
 * other state to know where a new member starts reading.
 */
const memberSchema = z.object({ userId: userIdSchema, role: roleSchema });
const ordinalSchema = z.int().min(1);
const headSchema = z.int().min(0);

export const eventSchemas = {
  'conversation.created': {
    version: 1,
    data: z.object({
      type: conversationTypeSchema,
      title: z.string().optional(),
      description: z.string().optional(),
      members: z.array(memberSchema),
    }),
  },
  'members.added': {
    version: 1,
    data: z.object({ members: z.array(memberSchema), via: z.enum(['join', 'add']), ordinal: headSchema }),
  },
  'member.left': { version: 1, data: z.object({ userId: userIdSchema }) },
  'members.removed': {
    version: 1,
    data: z.object({ userIds: z.array(userIdSchema), reason: z.string().optional() }),
  },
  'message.sent': {
    version: 1,
    data: z.object({
      messageId: messageIdSchema,
      ordinal: ordinalSchema,
      body: bodySchema,
      format: formatSchema,
      replyTo: messageIdSchema.optional(),
      metadata: metadataSchema.optional(),
    }),
  },
  'message.edited': {
    version: 1,
    data: z.object({
      messageId: messageIdSchema,
      ordinal: ordinalSchema,
      body: bodySchema,
      format: formatSchema,
    }),
  },
  'message.deleted': {
    version: 1,
    data: z.object({ messageId: messageIdSchema, ordinal: ordinalSchema, reason: z.string().optional() }),
  },
  'cursors.advanced': {
    version: 1,
    data: z.object({
      entries: z.array(
        z.object({
          conversationId: conversationIdSchema,
          userId: userIdSchema,
          readOrdinal: ordinalSchema,
          at: z.iso.datetime(),
        }),
      ),
    }),
  },
} as const;

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

const DATASCHEMA = /^urn:parley:event:([a-z.-]+):(\d+)$/;

export function dataschemaOf(type: EventType): string {
  return `urn:parley:event:${type}:${eventSchemas[type].version}`;
}

/** Schema version a stored event was written with, or null when the urn is not ours. */
export function storedVersion(dataschema: string): number | null {
  const match = DATASCHEMA.exec(dataschema);
  return match ? Number(match[2]) : null;
}
