import type { z } from 'zod';
import { COMMIT_CONTENT_TYPE, MAX_COMMIT_BYTES, MAX_EVENTS_PER_COMMIT } from '../commit.ts';
import { dataschemaOf, type EventType, envelopeSchema, eventSchemas } from '../events.ts';
import { PARTITIONS } from '../ids.ts';
import { LOG_STREAM } from '../subjects.ts';
import { type Channel, channelOf } from './event-channels.ts';
import { eventWords, olderVersionWords } from './event-words.ts';
import { type Json, SchemaBook } from './json-schema.ts';

const twoDigits = Array.from({ length: PARTITIONS }, (_, partition) => String(partition).padStart(2, '0'));
const partition = {
  description: 'FNV-1a 32 of the id, modulo 32; in `reads`, of the conversation.',
  enum: twoDigits,
};

const channels: Record<Channel, { address: string; title: string; description: string; parameters: Json }> = {
  conversation: {
    address: 'evt.{partition}.conv.{conversationId}',
    title: 'A conversation',
    description: 'Everything that happened in one conversation, in order. What its members see.',
    parameters: { partition, conversationId: { description: 'The id of the conversation.' } },
  },
  user: {
    address: 'evt.{partition}.user.{user}',
    title: 'A user',
    description: 'What one user decided alone. It reaches the devices of that user and nobody else.',
    parameters: {
      partition,
      user: { description: 'The user id when it is made of `[A-Za-z0-9_-]`, else `~` and its base64url.' },
    },
  },
  reads: {
    address: 'evt.{partition}.reads',
    title: 'Cursors',
    description:
      'Read and delivery cursors of all conversations of a partition: they merge, so they need no order.',
    parameters: { partition },
  },
};

/** AsyncAPI 3.0 of the log: its subjects, and every event that their messages may hold. */
export function asyncApiOfLog(): Json {
  const book = new SchemaBook({ io: 'output', target: 'draft-7' });
  const types = Object.keys(eventSchemas) as EventType[];
  const messages = Object.fromEntries(types.map((type) => [type, messageOf(type, book)]));
  for (const channel of Object.keys(channels) as Channel[]) shareCommit(channel, types, book);
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Parley log',
      version: '1',
      description: `The JetStream stream \`${LOG_STREAM}\`. One message is one commit: a CloudEvents batch of one aggregate, at most ${MAX_EVENTS_PER_COMMIT} events and ${MAX_COMMIT_BYTES / 1024} KiB, applied whole or not at all. It is the only truth and is never changed; services write it, everybody else reads.`,
      license: { name: 'Apache-2.0' },
    },
    servers: {
      nats: {
        host: '{host}:{port}',
        protocol: 'nats',
        description: 'NATS with JetStream.',
        variables: { host: { default: 'localhost' }, port: { default: '4222' } },
      },
    },
    defaultContentType: COMMIT_CONTENT_TYPE,
    channels: Object.fromEntries(
      Object.entries(channels).map(([name, channel]) => [
        name,
        { ...channel, messages: refsTo(types.filter((type) => channelOf(type) === name)) },
      ]),
    ),
    operations: Object.fromEntries(Object.keys(channels).map((name) => [`follow.${name}`, follow(name)])),
    components: { messages, schemas: book.shared },
  };
}

function refsTo(types: EventType[]): Json {
  return Object.fromEntries(types.map((type) => [type, { $ref: `#/components/messages/${type}` }]));
}

function follow(channel: string): Json {
  return {
    action: 'receive',
    summary: 'Read commits in the order of the log.',
    channel: { $ref: `#/channels/${channel}` },
  };
}

/** A message that carries an event of this type: the batch may hold others of the aggregate beside it. */
function messageOf(type: EventType, book: SchemaBook): Json {
  const { version, data } = eventSchemas[type];
  const event = book.share(`${type}.event`, eventSchemaOf(type, data, book));
  return {
    name: type,
    title: `${type} (version ${version})`,
    summary: eventWords[type],
    contentType: COMMIT_CONTENT_TYPE,
    headers: {
      type: 'object',
      properties: { 'Nats-Msg-Id': { type: 'string', description: 'The id of the commit.' } },
      required: ['Nats-Msg-Id'],
    },
    payload: {
      allOf: [{ $ref: `#/components/schemas/${channelOf(type)}.commit` }, { contains: event }],
    },
    'x-versions': [
      ...olderVersions(type).map((older) => ({
        ...older,
        dataschema: dataschemaOf(type).replace(/\d+$/, String(older.version)),
      })),
      { version, dataschema: dataschemaOf(type), description: 'The current one.' },
    ],
  };
}

function eventSchemaOf(type: EventType, data: z.ZodType, book: SchemaBook): Json {
  const envelope = book.of(envelopeSchema, 'envelope');
  const properties = envelope.properties as Record<string, Json>;
  return {
    ...envelope,
    description: eventWords[type],
    properties: {
      ...properties,
      type: { const: type, description: 'Type of the event.' },
      data: { ...book.share(`${type}.data`, book.of(data, type)), description: 'What happened.' },
    },
  };
}

/** What a reader must be ready for: known events of the aggregate. Those of a type it does not know it skips. */
function shareCommit(channel: Channel, types: EventType[], book: SchemaBook): void {
  const events = types.filter((type) => channelOf(type) === channel);
  book.share(`${channel}.commit`, {
    type: 'array',
    description: 'A commit: events of one aggregate, in order.',
    minItems: 1,
    maxItems: MAX_EVENTS_PER_COMMIT,
    items: { oneOf: events.map((type) => ({ $ref: `#/components/schemas/${type}.event` })) },
  });
}

function olderVersions(type: EventType): { version: number; description: string }[] {
  return Array.from({ length: eventSchemas[type].version - 1 }, (_, index) => {
    const description = olderVersionWords[`${type}:${index + 1}`];
    if (description === undefined) throw new Error(`version ${index + 1} of ${type} has no words`);
    return { version: index + 1, description };
  });
}
