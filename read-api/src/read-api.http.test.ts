import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  conversationAnswerSchema,
  inboxPageSchema,
  membersPageSchema,
  messagesPageSchema,
  type Problem,
  unreadViewSchema,
} from '@parley/contracts';
import { startIssuer, startRedis } from '@parley/deploy/testing';
import { loadConfig, Readiness } from '@parley/runtime';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { readApiVariables } from './config.ts';
import { startReadApi } from './read-api.ts';
import { EPOCH, logger, ReadModel, uuid } from './testing/read-model.ts';

let dir: string;
let model: ReadModel;
let issuer: Awaited<ReturnType<typeof startIssuer>>;
let redis: Awaited<ReturnType<typeof startRedis>>;
let api: Awaited<ReturnType<typeof startReadApi>>;
const readiness = new Readiness();

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'parley-read-api-http-'));
  [model, issuer, redis] = await Promise.all([
    ReadModel.start(),
    startIssuer({ dir: join(dir, 'issuer') }),
    startRedis({ dir: join(dir, 'redis') }),
  ]);
  const config = loadConfig(readApiVariables, {
    PORT: '0',
    DATABASE_URL: model.server.url,
    REDIS_URL: redis.url,
    JWKS_URL: issuer.jwksUrl,
    JWT_ISSUER: issuer.issuer,
    JWT_AUDIENCE: issuer.audience,
    CORS_ORIGINS: 'https://chat.example',
  });
  api = await startReadApi(config, logger, readiness);
});
afterAll(async () => {
  await api?.stop();
  await Promise.all([model?.stop(), issuer?.stop(), redis?.stop()]);
  await rm(dir, { recursive: true, force: true });
});
beforeEach(async () => {
  await model.build();
  await model.conversation(uuid(1), { messages: 8 });
  await model.member(uuid(1), 'bob', 3);
});

async function get(path: string, headers: Record<string, string> = {}, userId = 'bob'): Promise<Response> {
  const { token } = await issuer.signer.sign({ sub: userId });
  return fetch(`http://127.0.0.1:${api.port}${path}`, {
    headers: { authorization: `Bearer ${token}`, ...headers },
  });
}

async function problemOf(response: Response) {
  expect(response.headers.get('content-type')).toContain('application/problem+json');
  const problem = (await response.json()) as Problem;
  return { status: response.status, code: problem.code, path: problem.errors?.[0]?.path };
}

const room = `/v1/conversations/${uuid(1)}`;
const routes = [
  ['/v1/me/conversations', inboxPageSchema],
  ['/v1/me/unread', unreadViewSchema],
  [room, conversationAnswerSchema],
  [`${room}/members`, membersPageSchema],
  [`${room}/messages?limit=3`, messagesPageSchema],
] as const;

describe.each(routes)('GET %s', (path, schema) => {
  it('answers as the contract says, with the position it reflects', async () => {
    const response = await get(path);
    expect(response.status).toBe(200);
    const body = (await response.json()) as { asOf: string };
    expect(schema.parse(body)).toEqual(body);
    expect(body.asOf).toBe(`${EPOCH}:10`);
    expect(response.headers.get('parley-position')).toBe(body.asOf);
    expect(response.headers.get('cache-control')).toBe('private, no-cache');
  });

  it('is not sent again when only the log has grown, and is when the content has changed', async () => {
    const tag = (await get(path)).headers.get('etag') ?? '';
    await model.reach(20);
    const same = await get(path, { 'if-none-match': `"other", ${tag}` });
    expect(same.status).toBe(304);
    expect(await same.text()).toBe('');
    expect(same.headers.get('parley-position')).toBe(`${EPOCH}:20`);
    await model.pool.query(
      'UPDATE read_model.members SET read_ordinal = 4; UPDATE read_model.conversations SET version = 77; UPDATE read_model.messages SET version = 77',
    );
    expect((await get(path, { 'if-none-match': tag })).status).toBe(200);
  });

  it('needs a token', async () => {
    expect(await problemOf(await get(path, { authorization: '' }))).toMatchObject({
      status: 401,
      code: 'unauthenticated',
    });
  });
});

describe('read your writes', () => {
  it('waits for the position, and answers with what it brought', async () => {
    const waiting = get('/v1/me/unread', { 'parley-min-position': `${EPOCH}:30` });
    await model.pool.query('UPDATE read_model.conversations SET message_count = 9');
    await model.reach(30);
    expect(await (await waiting).json()).toEqual({ asOf: `${EPOCH}:30`, total: 6, conversations: 1 });
  });

  it('says when to come back when the position does not come', async () => {
    const response = await get('/v1/me/unread', { 'parley-min-position': `${EPOCH}:31` });
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await problemOf(response)).toMatchObject({ status: 503, code: 'not-yet-visible' });
  });

  it('never answers from a read model that was dropped and is being built again', async () => {
    expect((await get('/v1/me/unread', { 'parley-min-position': `${EPOCH}:10` })).status).toBe(200);
    await model.pool.query('UPDATE read_model.checkpoints SET sequence = 4');
    const response = await get('/v1/me/unread', { 'parley-min-position': `${EPOCH}:10` });
    expect(await problemOf(response)).toMatchObject({ status: 503, code: 'not-yet-visible' });
  });

  it.each(['latest', `${randomUUID()}:1`, `${EPOCH}:-1`])(
    'refuses %s, naming the header',
    async (position) => {
      const response = await get('/v1/me/unread', { 'parley-min-position': position });
      expect(await problemOf(response)).toEqual({
        status: 400,
        code: 'invalid-request',
        path: 'headers.parley-min-position',
      });
    },
  );
});

describe('bad input', () => {
  it.each([
    ['/v1/conversations/a.b', 'conversationId'],
    ['/v1/conversations/*', 'conversationId'],
    ['/v1/conversations/%3E', 'conversationId'],
    ['/v1/conversations/a%20b', 'conversationId'],
    ['/v1/conversations/%00', 'conversationId'],
    [`/v1/conversations/${uuid(1).toUpperCase()}`, 'conversationId'],
    ['/v1/conversations/..%2F..%2Fx/messages', 'conversationId'],
    [`${room}/messages?before=1&after=2`, 'around'],
    [`${room}/messages?before=x`, 'before'],
    [`${room}/messages?after=${2 ** 53}`, 'after'],
    [`${room}/messages?limit=201`, 'limit'],
    [`${room}/messages?limit=1&limit=2`, 'limit'],
    [`${room}/messages?color=red`, 'color'],
    [`${room}?x=1`, 'x'],
    ['/v1/me/unread?x=1', 'x'],
    ['/v1/me/conversations?filter=archived', 'filter'],
    ['/v1/me/conversations?cursor=%00%ff', 'cursor'],
    [
      `/v1/me/conversations?cursor=${Buffer.from(JSON.stringify([2 ** 40, 1, uuid(1)])).toString('base64url')}`,
      'cursor',
    ],
    [`${room}/members?cursor=${Buffer.from(JSON.stringify(['\u0000'])).toString('base64url')}`, 'cursor'],
  ])('%s is refused by the name of the field', async (path, field) => {
    expect(await problemOf(await get(path))).toEqual({ status: 400, code: 'invalid-request', path: field });
  });

  it.each(['before', 'after', 'around'])(
    'an ordinal far beyond the last message is a page: %s',
    async (parameter) => {
      expect((await get(`${room}/messages?${parameter}=999999999`)).status).toBe(200);
    },
  );

  it.each([room, `${room}/members`, `${room}/messages`, `/v1/conversations/${uuid(404)}`, '/v1/nothing'])(
    'somebody who is not in it learns nothing of %s',
    async (path) => {
      expect(await problemOf(await get(path, {}, 'zoe'))).toMatchObject({ status: 404, code: 'not-found' });
    },
  );
});

describe('without Postgres', () => {
  it('says unavailable and when to come back, and serves again when it is back', async () => {
    await model.server.kill();
    for (const headers of [{}, { 'parley-min-position': `${EPOCH}:999` }]) {
      const response = await get('/v1/me/unread', headers);
      expect(response.headers.get('retry-after')).toBe('1');
      expect(await problemOf(response)).toMatchObject({ status: 503, code: 'unavailable' });
    }
    expect((await readiness.report()).ready).toBe(false);
    await model.server.restart();
    await vi.waitFor(async () => expect((await get('/v1/me/unread')).status).toBe(200), { timeout: 20_000 });
  });

  it('and without the tables it says that the read model is being built', async () => {
    await model.pool.query('DROP SCHEMA read_model CASCADE');
    const response = await get('/v1/me/unread');
    expect(await problemOf(response)).toMatchObject({ status: 503, code: 'unavailable' });
  });
});
