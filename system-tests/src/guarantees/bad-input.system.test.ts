import { formatPosition } from '@parley/contracts';
import type { LocalServer } from '@parley/deploy/testing';
import { createLogger, type OpenLog, openEventLog } from '@parley/runtime';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Backend, sendCommand, startBackend } from '../testing/backend.ts';

let backend: Backend;
let commands: LocalServer;
let queries: LocalServer;
let opened: OpenLog;
let alice: string;
let conversationId: string;

beforeAll(async () => {
  backend = await startBackend();
  await backend.start('projector');
  [commands, queries] = await Promise.all([backend.start('command-api'), backend.start('read-api')]);
  const logger = createLogger({ name: 'test', level: 'silent' });
  opened = await openEventLog({ natsUrl: backend.natsUrl, replicas: 1, name: 'test', logger });
  alice = await backend.token('alice');
  conversationId = uuidv7();
  const data = { type: 'group', conversationId, members: [{ userId: 'bob' }] };
  await sendCommand(commands, alice, 'conversation.create', { key: uuidv7(), data });
});

afterAll(async () => {
  await opened?.close();
  await backend?.stop();
});

const nested = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
/** A future minute: beyond the skew that a client's clock is allowed. */
const futureKey = (): string => {
  const time = (Date.now() + 3_600_000).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-000000000000`;
};

interface Case {
  name: string;
  type?: string;
  key?: string;
  data?: unknown;
  token?: string;
  status: number;
  code: string;
  path?: string;
}

const message = (fields: object): unknown => ({ conversationId, body: 'hi', ...fields });
const cases = (): Case[] => [
  { name: 'an unknown type', type: 'message.explode', status: 400, code: 'invalid-request', path: 'type' },
  {
    name: 'a prototype name as type',
    type: 'constructor',
    status: 400,
    code: 'invalid-request',
    path: 'type',
  },
  { name: 'a missing field', data: { conversationId }, status: 400, code: 'invalid-request', path: 'body' },
  {
    name: 'an unknown field',
    data: message({ colour: 'red' }),
    status: 400,
    code: 'invalid-request',
    path: 'colour',
  },
  {
    name: '10,001 characters',
    data: message({ body: 'x'.repeat(10_001) }),
    status: 400,
    code: 'invalid-request',
    path: 'body',
  },
  {
    name: 'an empty body',
    data: message({ body: ' \n' }),
    status: 400,
    code: 'invalid-request',
    path: 'body',
  },
  {
    name: 'a control character',
    data: message({ body: 'a\u0000b' }),
    status: 400,
    code: 'invalid-request',
    path: 'body',
  },
  {
    name: 'half a surrogate pair',
    data: `{"conversationId":"${conversationId}","body":"\\ud800"}`,
    status: 400,
    code: 'invalid-request',
    path: 'body',
  },
  {
    name: 'a number as body',
    data: message({ body: 7 }),
    status: 400,
    code: 'invalid-request',
    path: 'body',
  },
  { name: 'malformed JSON', data: '{"conversationId":', status: 400, code: 'malformed-json' },
  { name: 'no JSON object', data: '"hello"', status: 400, code: 'invalid-request' },
  { name: 'a body of 2 MB', data: message({ body: 'x'.repeat(2_000_000) }), status: 413, code: 'too-large' },
  {
    name: 'JSON 5,000 levels deep',
    data: `{"conversationId":"${conversationId}","body":"x","metadata":${nested(5_000)}}`,
    status: 400,
    code: 'malformed-json',
  },
  {
    name: 'an id with a dot',
    data: message({ conversationId: 'a.b' }),
    status: 400,
    code: 'invalid-request',
    path: 'conversationId',
  },
  {
    name: 'an id with a space',
    data: message({ conversationId: 'a b' }),
    status: 400,
    code: 'invalid-request',
    path: 'conversationId',
  },
  {
    name: 'an id that is a wildcard',
    data: message({ conversationId: '>' }),
    status: 400,
    code: 'invalid-request',
    path: 'conversationId',
  },
  {
    name: 'an id in capitals',
    data: message({ conversationId: conversationId.toUpperCase() }),
    status: 400,
    code: 'invalid-request',
    path: 'conversationId',
  },
  {
    name: 'an unknown conversation',
    data: message({ conversationId: uuidv7() }),
    status: 404,
    code: 'not-found',
  },
  { name: 'no key', key: '', status: 400, code: 'invalid-request', path: 'headers.idempotency-key' },
  {
    name: 'a key that is no UUIDv7',
    key: '6ba7b810-9dad-11d1-80b4-00c04fd430c8',
    status: 400,
    code: 'invalid-request',
    path: 'headers.idempotency-key',
  },
  {
    name: 'a key from the future',
    key: futureKey(),
    status: 400,
    code: 'invalid-request',
    path: 'headers.idempotency-key',
  },
  { name: 'a wrong token', token: 'not.a.token', status: 401, code: 'unauthenticated' },
  {
    name: 'an empty user id',
    type: 'members.add',
    data: { conversationId, members: [{ userId: '' }] },
    status: 400,
    code: 'invalid-request',
    path: 'members.0.userId',
  },
  {
    name: 'a user id of 129 bytes',
    type: 'members.add',
    data: { conversationId, members: [{ userId: 'é'.repeat(65) }] },
    status: 400,
    code: 'invalid-request',
    path: 'members.0.userId',
  },
  {
    name: 'a direct conversation with oneself',
    type: 'conversation.create',
    data: { type: 'direct', members: [{ userId: 'alice' }] },
    status: 422,
    code: 'self-message',
  },
  {
    name: 'a cursor beyond the newest message',
    type: 'messages.read',
    data: { conversationId, ordinal: 99 },
    status: 400,
    code: 'invalid-request',
    path: 'ordinal',
  },
  {
    name: 'an edit of an unknown message',
    type: 'message.edit',
    data: message({ messageId: uuidv7() }),
    status: 404,
    code: 'not-found',
    path: 'messageId',
  },
  {
    name: 'an edit at a sequence that holds something else',
    type: 'message.edit',
    data: message({ messageId: uuidv7(), sequence: 1 }),
    status: 400,
    code: 'invalid-request',
    path: 'sequence',
  },
  {
    name: 'the last owner leaving',
    type: 'conversation.leave',
    data: { conversationId },
    status: 409,
    code: 'last-owner',
  },
];

describe('a bad command', () => {
  test('is refused with a code, names the field, and appends nothing', async () => {
    const before = await opened.log.bounds();
    for (const {
      name,
      type = 'message.send',
      key = uuidv7(),
      data = message({}),
      token = alice,
      ...expected
    } of cases()) {
      const reply = await sendCommand(commands, token, type, { key, data });
      const paths = (reply.body.errors as { path: string }[] | undefined)?.map((fault) => fault.path);
      expect({ name, status: reply.status, code: reply.body.code }).toEqual({
        name,
        status: expected.status,
        code: expected.code,
      });
      expect(reply.headers.get('content-type')).toContain('application/problem+json');
      if (expected.path) expect({ name, paths }).toEqual({ name, paths: [expected.path] });
    }
    expect(await opened.log.bounds()).toEqual(before);
  });

  test('of a stranger looks like one to a conversation that does not exist', async () => {
    const stranger = await backend.token('mallory');
    const attempt = (id: string) =>
      sendCommand(commands, stranger, 'message.send', {
        key: uuidv7(),
        data: { conversationId: id, body: 'hi' },
      });
    const [real, imagined] = [await attempt(conversationId), await attempt(uuidv7())];
    const { instance: _a, ...answer } = real.body;
    const { instance: _b, ...control } = imagined.body;
    expect(answer).toEqual(control);
    expect(real.status).toBe(404);
  });
});

describe('a bad query', () => {
  const ask = (path: string, headers: Record<string, string> = {}) =>
    fetch(`${queries.url}${path}`, { headers: { authorization: `Bearer ${alice}`, ...headers } });

  test.each([
    ['/v1/conversations/a.b', 400, 'invalid-request'],
    ['/v1/conversations/%20', 400, 'invalid-request'],
    ['/v1/conversations/%3E/messages', 400, 'invalid-request'],
    ['/v1/conversations/%00', 400, 'invalid-request'],
    ['/v1/me/conversations?limit=0', 400, 'invalid-request'],
    ['/v1/me/conversations?limit=abc', 400, 'invalid-request'],
    ['/v1/me/conversations?limit=1e1', 400, 'invalid-request'],
    ['/v1/me/conversations?limit=', 400, 'invalid-request'],
    ['/v1/me/conversations?cursor=%F0%9F%98%80', 400, 'invalid-request'],
    ['/v1/me/conversations?sort=up', 400, 'invalid-request'],
    ['/v1/nowhere', 404, 'not-found'],
  ])('%s is %i %s', async (path, status, code) => {
    const response = await ask(path);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ code });
  });

  test('after two ordinals at once, of a stranger, or beyond the log is refused, and nothing breaks', async () => {
    const messages = `/v1/conversations/${conversationId}/messages`;
    expect((await ask(`${messages}?before=1&after=1`)).status).toBe(400);
    const stranger = `Bearer ${await backend.token('mallory')}`;
    expect((await ask(messages, { authorization: stranger })).status).toBe(404);
    const minPosition = (position: string) => ask('/v1/me/unread', { 'parley-min-position': position });
    expect((await minPosition('yesterday')).status).toBe(400);
    expect((await minPosition(formatPosition(crypto.randomUUID(), 1))).status).toBe(400);
    const beyond = await minPosition(formatPosition(opened.log.epoch, 1_000_000));
    expect(beyond.status).toBe(503);
    expect(await beyond.json()).toMatchObject({ code: 'not-yet-visible' });
    expect(Number(beyond.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await ask('/v1/me/unread')).status).toBe(200);
  });
});
