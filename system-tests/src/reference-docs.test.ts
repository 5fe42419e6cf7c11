import { readdirSync, readFileSync } from 'node:fs';
import asyncApiSchemas from '@asyncapi/specs';
import { commandApiVariables } from '@parley/command-api';
import { type CommandType, errorCatalogue, querySchemas } from '@parley/contracts';
import { asyncApiOfLog, asyncApiOfSocket, openApiOfCommands, openApiOfQueries } from '@parley/contracts/docs';
import { notifierVariables } from '@parley/notifier';
import { projectorVariables } from '@parley/projector';
import { readApiVariables } from '@parley/read-api';
import { gatewayVariables } from '@parley/realtime-gateway';
import { describeVariables } from '@parley/runtime';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { describe, expect, test } from 'vitest';
import { permissions, privileges, refusedWhenBlocked } from '../../command-api/dist/domain/permissions.js';
import { readAccess } from '../../read-api/dist/access.js';
import { table } from './testing/table.ts';

const services = {
  'command-api': commandApiVariables,
  projector: projectorVariables,
  'read-api': readApiVariables,
  'realtime-gateway': gatewayVariables,
  notifier: notifierVariables,
};

test('docs/configuration.md has every variable as it is declared, and no other', async () => {
  const used = new Map<string, { row: ReturnType<typeof describeVariables>[number]; by: string[] }>();
  for (const [service, variables] of Object.entries(services)) {
    for (const row of describeVariables(variables)) {
      const known = used.get(row.env);
      if (known) known.by.push(service);
      else used.set(row.env, { row, by: [service] });
    }
  }
  const rows = [...used.values()].map(({ row, by }) => [
    `\`${row.env}\`${row.secret ? ' (secret)' : ''}`,
    row.type,
    row.default === null ? '**required**' : row.default === '' ? 'empty' : `\`${row.default}\``,
    row.description,
    by.length === Object.keys(services).length ? 'all' : by.join(', '),
  ]);
  const text = `# Configuration

Made from the declarations in the code; \`npx vitest run system-tests/src/reference-docs -u\` writes it anew. A process checks all of its
variables at start and names every faulty one at once. Secrets are masked in logs.

${table(['variable', 'type', 'default', 'meaning', 'read by'], rows)}`;
  await expect(text).toMatchFileSnapshot('../../docs/configuration.md');
});

test('docs/errors.md has every error code as it is declared, and no other', async () => {
  const rows = Object.entries(errorCatalogue).map(([code, { status, title, help, retryable }]) => [
    String(status),
    `\`${code}\``,
    title,
    retryable ? 'yes' : 'no',
    help,
  ]);
  const text = `# Errors

Made from the catalogue in \`contracts/src/errors.ts\`; \`npx vitest run system-tests/src/reference-docs -u\` writes it anew.

Every refusal is \`application/problem+json\` (RFC 9457): \`{type, title, status, code, detail?, instance, errors?: [{path, message}], retryAfterMs?}\`.
Match on \`code\`. \`instance\` is the request id. Where \`retryAfterMs\` is set, the header \`Retry-After\` says the same in seconds.

${table(
  ['status', 'code', 'meaning', 'retry as it is', 'what to do'],
  rows.sort(([a = ''], [b = '']) => a.localeCompare(b)),
)}`;
  await expect(text).toMatchFileSnapshot('../../docs/errors.md');
});

const log = asyncApiOfLog();
const openApi = { commands: openApiOfCommands(), queries: openApiOfQueries() };

describe.each(Object.entries(openApi))('docs/openapi-%s.json', (name, document) => {
  test('is what the contracts say', async () => {
    await expect(asFile(document)).toMatchFileSnapshot(`../../docs/openapi-${name}.json`);
  });

  test('is valid OpenAPI 3.1', async () => {
    const validator = new Validator();
    expect(await validator.validate(structuredClone(document))).toEqual({ valid: true });
    expect(validator.version).toBe('3.1');
  });
});

describe.each([
  ['log', log],
  ['socket', asyncApiOfSocket()],
])('docs/asyncapi-%s.json', (name, document) => {
  test('is what the contracts say', async () => {
    await expect(asFile(document)).toMatchFileSnapshot(`../../docs/asyncapi-${name}.json`);
  });

  test('is valid AsyncAPI 3.0', () => {
    const official: object = asyncApiSchemas.schemas['3.0.0'];
    const validate = ajv().compile(official);
    expect([validate(document), validate.errors]).toEqual([true, null]);
    expect(validate({ ...document, channels: [] })).toBe(false);
  });
});

describe('docs/asyncapi-log.json', () => {
  const folder = new URL('../../contracts/fixtures/events/', import.meta.url);
  const schemas = (log.components as { schemas: Record<string, object> }).schemas;
  const golden = readdirSync(folder)
    .map((file) => ({ file, ...parts(file) }))
    .filter(({ type, version }) => currentVersion(type) === version);

  test('has every golden event of a current version to be tried on', () => {
    expect(golden.map(({ type }) => `${type}.event`).sort()).toEqual(
      Object.keys(schemas)
        .filter((name) => name.endsWith('.event'))
        .sort(),
    );
  });

  const described = ajv().addSchema(log, 'log');
  test.each(golden)('describes the stored bytes of $file', ({ file, type }) => {
    const validate = described.getSchema(`log#/components/messages/${type}/payload`);
    const commit: unknown = JSON.parse(readFileSync(new URL(file, folder), 'utf8'));
    expect([validate?.(commit), validate?.errors]).toEqual([true, null]);
    expect(validate?.([])).toBe(false);
  });

  function currentVersion(type: string): number | undefined {
    const messages = (log.components as { messages: Record<string, { 'x-versions': { version: number }[] }> })
      .messages;
    return messages[type]?.['x-versions'].at(-1)?.version;
  }
});

test('docs/permissions.md has the tables that the services decide by', async () => {
  const types = ['direct', 'group', 'channel', 'broadcast'] as const;
  const commands = Object.entries(permissions).map(([type, row]) => [
    `\`${type}\``,
    ...types.map((each) => row[each]),
    row.whenArchived ? 'yes' : 'no',
    refusedWhenBlocked.has(type as CommandType) ? 'no' : 'yes',
  ]);
  const beyond = Object.entries(privileges).map(([name, row]) => [
    `\`${name}\``,
    ...types.map((each) => row[each]),
  ]);
  const relations = Object.keys(readAccess.conversation) as (keyof typeof readAccess.conversation)[];
  const queries = Object.entries(readAccess).map(([name, row]) => [
    `\`${name}\``,
    ...relations.map((each) => (row[each] === 'allowed' ? 'yes' : row[each])),
  ]);
  const text = `# Permissions

Made from the tables that the services decide by; \`npx vitest run system-tests/src/reference-docs -u\` writes it anew.

## Commands

A role means that role or a higher one: owner, admin, moderator, member, guest. \`audience\` = guests and higher, and whom a broadcast reaches
without membership; \`anyone\` = members and not; \`invited\` = whoever has an open invitation; \`nobody\` = this type does not have it. The last two
columns: whether it is still possible in an archived conversation, and in a direct one while either has blocked the other.

Anybody may send \`conversation.create\`. \`conversation.expire-messages\` and \`message.deliver-scheduled\` need a token with the scope
\`parley:service\`. Commands about the own account need no permission. Only its author edits a message. Giving a role, taking one,
removing and banning need a higher rank than the target has and than the role given; owners outrank everybody.

${table(['command', ...types, 'archived', 'blocked'], commands)}
## Beyond the command

${table(['what', ...types], beyond)}
## Queries

What a reader is to the conversation: a member with a role, in the \`audience\` of a broadcast, a \`visitor\` of a channel, \`invited\`, \`banned\`,
\`removed\` (was a member) or a \`stranger\`. In a broadcast a moderator reads as a member does. A deleted conversation is \`not-found\` for
everybody. \`audit\` is also open to tokens with the scope \`parley:audit\`.

${table(['query', ...relations], queries)}`;
  await expect(text).toMatchFileSnapshot('../../docs/permissions.md');
});

/** The error codes that a document names for a route. */
function codesOf(document: object, path: string, method: string): string[] {
  const { paths } = document as {
    paths: Record<string, Record<string, { responses: Record<string, object> }>>;
  };
  const responses = Object.values(paths[path]?.[method]?.responses ?? {}) as { $ref?: string }[];
  return responses.flatMap(({ $ref }) => $ref?.split('/').at(-1)?.split('.').slice(1) ?? []);
}

test.each(Object.entries(permissions))(
  'the document of %s names what its permissions refuse with',
  (type, row) => {
    const { whenArchived, ...rules } = row;
    const codes = codesOf(openApi.commands, `/v1/commands/${type}`, 'post');
    const needed = [
      ...['not-found', 'banned', 'forbidden', 'conversation-deleted'],
      ...(Object.values(rules).includes('nobody') ? ['not-allowed-here'] : []),
      ...(refusedWhenBlocked.has(type as CommandType) ? ['blocked'] : []),
    ];
    expect(codes).toEqual(expect.arrayContaining(needed));
    expect(codes.includes('conversation-archived')).toBe(!whenArchived);
  },
);

test.each(Object.entries(readAccess))(
  'the document of the query %s names what its access refuses with',
  (name, row) => {
    const path = querySchemas[name as keyof typeof readAccess].path.replace(/:(\w+)/g, '{$1}');
    const codes = codesOf(openApi.queries, path, 'get');
    const needed = Object.values(row).filter((verdict) => verdict !== 'allowed');
    expect(codes).toEqual(expect.arrayContaining(needed));
  },
);

function asFile(document: object): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** `message.sent.v2.json`: type and version. */
function parts(file: string): { type: string; version: number } {
  const [, type = '', version] = /^(.+)\.v(\d+)\.json$/.exec(file) ?? [];
  return { type, version: Number(version) };
}

/** In draft 7. The schema of AsyncAPI brings a draft 7 of its own, so ajv must not bring another. */
function ajv(): Ajv {
  const made = new Ajv({ meta: false, validateSchema: false, strict: false, allErrors: true });
  addFormats.default(made);
  return made;
}
