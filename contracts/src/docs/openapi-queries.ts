import type { z } from 'zod';
import { HEADERS } from '../http.ts';
import { positionSchema } from '../position.ts';
import { type QueryName, querySchemas } from '../queries.ts';
import { type Json, SchemaBook } from './json-schema.ts';
import { API_VERSION, bearer, headerName, JSON_TYPE, OPENAPI_VERSION, OpenApiParts } from './openapi.ts';
import { queryWords } from './query-words.ts';

const MIN_POSITION = headerName(HEADERS.minPosition);

const tags = [
  { name: 'me', description: 'What concerns the user of the token.' },
  { name: 'conversations', description: 'Conversations and their members.' },
  { name: 'messages', description: 'Messages and what hangs on them.' },
  { name: 'moderation', description: 'For moderators, admins and auditors.' },
  { name: 'discovery', description: 'Finding channels and messages.' },
  { name: 'users', description: 'Profiles.' },
  { name: 'operation', description: 'For operators.' },
];

/** OpenAPI 3.1 of the read API: a path for each query, and the routes for operators. */
export function openApiOfQueries(): Json {
  const book = new SchemaBook({ io: 'output' });
  const parts = new OpenApiParts(book);
  const queries = Object.entries(querySchemas).map(([name, { path }]) => [
    path.replace(/:(\w+)/g, '{$1}'),
    { get: queryOperation(name as QueryName, parts) },
  ]);
  const paths = { ...Object.fromEntries(queries), ...parts.operatorPaths() };
  return {
    openapi: OPENAPI_VERSION,
    info: {
      title: 'Parley queries',
      version: API_VERSION,
      description: `Every answer says in \`asOf\` and \`${headerName(HEADERS.position)}\` which position of the log it reflects. A query with the position of a command as \`${MIN_POSITION}\` sees what the command did. Answers may gain fields; unknown parameters are refused.`,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'The server that gave you this document.' }],
    security: [{ bearer: [] }],
    tags,
    paths,
    components: {
      securitySchemes: { bearer },
      parameters: sharedParameters(book),
      responses: parts.responses,
      schemas: book.shared,
    },
  };
}

function queryOperation(name: QueryName, parts: OpenApiParts): Json {
  const { book } = parts;
  const {
    summary,
    params,
    query,
    answer,
  }: {
    summary: string;
    params: z.ZodType;
    query: z.ZodType;
    answer: z.ZodType;
  } = querySchemas[name];
  const { tag, description, codes } = queryWords[name];
  return {
    operationId: name,
    tags: [tag],
    summary,
    description,
    parameters: [
      ...parametersOf(name, params, 'path', book),
      ...parametersOf(name, query, 'query', book),
      { $ref: '#/components/parameters/minPosition' },
      { $ref: '#/components/parameters/ifNoneMatch' },
    ],
    responses: {
      200: {
        description: 'The answer.',
        headers: {
          ...parts.positionHeader(),
          ETag: { description: 'Of the content without `asOf`.', schema: { type: 'string' } },
        },
        content: { [JSON_TYPE]: { schema: book.share(`${name}.answer`, book.of(answer, name)) } },
      },
      304: { description: 'The content is the one that the tag in If-None-Match stands for.' },
      ...parts.problems(['not-yet-visible', ...codes]),
    },
  };
}

function parametersOf(name: QueryName, schema: z.ZodType, place: 'path' | 'query', book: SchemaBook): Json[] {
  const input = book.of(schema, `${name}?`, 'input');
  const taken = propertiesOf(input);
  const meant = propertiesOf(book.of(schema, `${name}?`, 'output'));
  return Object.entries(meant).map(([field, property]) => {
    const { description, ...shape } = property;
    return {
      name: field,
      in: place,
      required: isRequired(input, field),
      description,
      schema: says(shape) ? shape : { ...withoutDescription(taken[field]), ...shape },
    };
  });
}

/** A value that is made of text by a function has no schema of its own: then the text's is shown. */
function says(shape: Json): boolean {
  return ['type', 'anyOf', 'enum', '$ref'].some((key) => key in shape);
}

function withoutDescription({ description: _, ...shape }: Json = {}): Json {
  return 'enum' in shape ? { type: 'boolean' } : shape;
}

function propertiesOf(schema: Json): Record<string, Json> {
  return (schema.properties ?? {}) as Record<string, Json>;
}

function isRequired(schema: Json, field: string): boolean {
  return ((schema.required ?? []) as string[]).includes(field);
}

function sharedParameters(book: SchemaBook): Json {
  return {
    minPosition: {
      name: MIN_POSITION,
      in: 'header',
      required: false,
      description:
        'The answer waits until it reflects this position, and is `not-yet-visible` when that takes too long.',
      schema: book.of(positionSchema, 'header'),
    },
    ifNoneMatch: {
      name: 'If-None-Match',
      in: 'header',
      required: false,
      description: 'The ETag of an answer that the client holds: unchanged content is 304.',
      schema: { type: 'string' },
    },
  };
}
