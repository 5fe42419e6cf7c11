import type { z } from 'zod';
import {
  batchSchema,
  type CommandType,
  commandSchemas,
  MAX_COMMANDS_PER_BATCH,
  SERVICE_SCOPE,
  serviceCommands,
} from '../commands.ts';
import { HEADERS } from '../http.ts';
import { commandIdSchema } from '../ids.ts';
import { positionSchema } from '../position.ts';
import { REVOCATION_DAYS, revokedSessionSchema, revokeSessionSchema, SESSIONS_SCOPE } from '../sessions.ts';
import { commandExamples } from './command-examples.ts';
import { commandWords } from './command-words.ts';
import { type Json, SchemaBook } from './json-schema.ts';
import { API_VERSION, bearer, headerName, JSON_TYPE, OPENAPI_VERSION, OpenApiParts } from './openapi.ts';

const KEY = headerName(HEADERS.idempotencyKey);
const BODY_CODES = ['malformed-json', 'too-large', 'unsupported-media-type'] as const;
const COMMAND_CODES = [...BODY_CODES, 'idempotency-conflict', 'contention'] as const;

const tags = [
  { name: 'conversation', description: 'Conversations themselves.' },
  { name: 'members', description: 'Who is in, with which role.' },
  { name: 'message', description: 'Messages, reactions, pins, reports, schedules.' },
  { name: 'messages', description: 'Read and delivery cursors.' },
  { name: 'user', description: 'What a user decides for the own account alone.' },
  { name: 'notifications', description: 'What the user was told of.' },
  { name: 'batch', description: 'Several commands at once.' },
  { name: 'session', description: 'Sessions of tokens.' },
  { name: 'operation', description: 'For operators.' },
];

/** OpenAPI 3.1 of the command API: a path for each type of command, the batch, and the routes for operators. */
export function openApiOfCommands(): Json {
  const book = new SchemaBook({ io: 'input' });
  const parts = new OpenApiParts(book);
  const commands = Object.keys(commandSchemas).map((type) => [
    `/v1/commands/${type}`,
    { post: commandOperation(type as CommandType, parts) },
  ]);
  const paths = {
    ...Object.fromEntries(commands),
    '/v1/commands': { post: batchOperation(parts) },
    '/v1/sessions/revoke': { post: revokeOperation(parts) },
    ...parts.operatorPaths(),
  };
  return {
    openapi: OPENAPI_VERSION,
    info: {
      title: 'Parley commands',
      version: API_VERSION,
      description: `Every change is a command. Make a fresh UUIDv7, send it as \`${KEY}\` and repeat it on every retry: the command takes effect once. A command that changes nothing succeeds without an event. Unknown fields are refused.`,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'The server that gave you this document.' }],
    security: [{ bearer: [] }],
    tags,
    paths,
    components: {
      securitySchemes: { bearer },
      parameters: { idempotencyKey: idempotencyKey(book) },
      responses: parts.responses,
      schemas: book.shared,
    },
  };
}

function commandOperation(type: CommandType, parts: OpenApiParts): Json {
  const { summary, description, codes } = commandWords[type];
  const { data, result }: { data: z.ZodType; result: z.ZodType } = commandSchemas[type];
  const example = commandExamples[type];
  const schema = parts.book.share(`${type}.data`, parts.book.of(data, type));
  const accepted = parts.book.share(`${type}.accepted`, acceptedSchema(type, result, parts.book));
  return {
    operationId: type,
    tags: [type.slice(0, type.indexOf('.'))],
    summary,
    description: serviceCommands.has(type)
      ? `${description}\n\nOnly for tokens with the scope \`${SERVICE_SCOPE}\`.`
      : description,
    parameters: [{ $ref: '#/components/parameters/idempotencyKey' }],
    requestBody: {
      required: true,
      content: { [JSON_TYPE]: { schema, ...(example && { example }) } },
    },
    responses: {
      200: {
        description: 'Accepted, now or the first time; or nothing was to be done.',
        headers: parts.positionHeader(),
        content: { [JSON_TYPE]: { schema: accepted } },
      },
      ...parts.problems([...COMMAND_CODES, ...codes]),
    },
  };
}

function acceptedSchema(type: CommandType, result: z.ZodType, book: SchemaBook): Json {
  return {
    type: 'object',
    description: `The answer to ${type}.`,
    properties: {
      commandId: { ...book.of(commandIdSchema, 'accepted'), description: 'The key that was sent.' },
      position: {
        ...book.of(positionSchema, 'accepted'),
        description:
          'Of the commit that holds the outcome; for a no-op, of the newest one it was checked against.',
      },
      version: {
        type: 'integer',
        description: 'Version of the aggregate after the command; 0 for cursors, which have none.',
      },
      result: { description: 'What came of it.', ...book.of(result, `${type}:result`, 'output') },
      replayed: { type: 'boolean', description: 'Whether the same key was accepted before.' },
    },
    required: ['commandId', 'position', 'version', 'result', 'replayed'],
  };
}

function batchOperation(parts: OpenApiParts): Json {
  const { book } = parts;
  const anyAccepted = Object.keys(commandSchemas).map((type) => ({
    $ref: `#/components/schemas/${type}.accepted`,
  }));
  const item = {
    type: 'object',
    description: 'The answer to one command.',
    properties: {
      status: { type: 'integer', description: 'The HTTP status that it would have got alone.' },
      body: {
        anyOf: [...anyAccepted, { $ref: '#/components/schemas/Problem' }],
        description: 'The body that it would have got alone.',
      },
    },
    required: ['status', 'body'],
  };
  const items = {
    type: 'array',
    description: 'In the order of the request.',
    items: book.share('BatchItem', item),
  };
  return {
    operationId: 'batch',
    tags: ['batch'],
    summary: 'Send several commands at once',
    description: `At most ${MAX_COMMANDS_PER_BATCH}, each with its own key and its own answer. Those of one conversation take effect in the order of the request.`,
    requestBody: {
      required: true,
      content: { [JSON_TYPE]: { schema: book.share('Batch', book.of(batchSchema, 'batch')) } },
    },
    responses: {
      200: {
        description: 'An answer for each command.',
        content: { [JSON_TYPE]: { schema: { type: 'object', properties: { items }, required: ['items'] } } },
      },
      ...parts.problems(BODY_CODES),
    },
  };
}

function revokeOperation(parts: OpenApiParts): Json {
  const { book } = parts;
  const schema = book.share('RevokeSession', book.of(revokeSessionSchema, 'session'));
  const answer = book.share('RevokedSession', book.of(revokedSessionSchema, 'session', 'output'));
  return {
    operationId: 'revokeSession',
    tags: ['session'],
    summary: 'Revoke a session',
    description: `Its tokens are refused everywhere and its sockets closed with 4503 within a second. Without \`sessionId\` it is the session of the token; another one needs the scope \`${SESSIONS_SCOPE}\`. Kept for ${REVOCATION_DAYS} days: no token may live longer. Repeating it changes nothing.`,
    requestBody: { required: true, content: { [JSON_TYPE]: { schema, example: {} } } },
    responses: {
      200: { description: 'It is revoked.', content: { [JSON_TYPE]: { schema: answer } } },
      ...parts.problems([...BODY_CODES, 'insufficient-scope']),
    },
  };
}

function idempotencyKey(book: SchemaBook): Json {
  return {
    name: KEY,
    in: 'header',
    required: true,
    description: 'The id of the command: a fresh UUIDv7 for each new command, the same one for each retry.',
    schema: book.of(commandIdSchema, 'header'),
    example: '01900000-0000-7000-8000-0000000000a1',
  };
}
