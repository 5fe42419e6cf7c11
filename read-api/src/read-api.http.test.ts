import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AUDIT_SCOPE,
  conversationSubject,
  encodeCommit,
  type LogEvent,
  type Problem,
  type QueryName,
  querySchemas,
} from '@parley/contracts';
import { type NatsServer, startIssuer, startNats, startRedis } from '@parley/deploy/testing';
import { loadConfig, openEventLog, Readiness } from '@parley/runtime';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { readApiVariables } from './config.ts';
import { startReadApi } from './read-api.ts';
import { EPOCH, logger, ReadModel, timeOf, uuid } from './testing/read-model.ts';
import { insert } from './testing/rows.ts';
import { Story } from './testing/story.ts';

let dir: string;
let model: ReadModel;
let issuer: Awaited<ReturnType<typeof startIssuer>>;
let redis: Awaited<ReturnType<typeof startRedis>>;
let nats: NatsServer;
let api: Awaited<ReturnType<typeof startReadApi>>;
const readiness = new Readiness();

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'parley-read-api-http-'));
  [model, nats, issuer, redis] = await Promise.all([
    ReadModel.start(),
    startNats({ dir: join(dir, 'nats') }),
    startIssuer({ dir: join(dir, 'issuer') }),
    startRedis({ dir: join(dir, 'redis') }),
  ]);
  await model.build();
  const config = loadConfig(readApiVariables, {
    PORT: '0',
    NATS_URL: nats.url,
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
  await Promise.all([model?.stop(), nats?.stop(), issuer?.stop(), redis?.stop()]);
  await rm(dir, { recursive: true, force: true });
});
const EMPTY = `do $$ begin execute (select 'truncate ' || string_agg('read_model.' || tablename, ', ') from pg_tables
  where schemaname = 'read_model'); end $$`;

/** Bob has read three of eight messages; the first is the root of a thread and has everything that a message can have. */
let story: Story;
beforeEach(async () => {
  await model.pool.query(EMPTY);
  await model.reach(10);
  story = new Story(uuid(1)).send(8);
  Object.assign(story.members.get('bob') ?? {}, { role: 'owner', read_ordinal: 3 });
  story.add({ kind: 'edit', by: 'ann', ordinal: 1, body: 'better' });
  story.add({ kind: 'react', by: 'bob', ordinal: 1, emoji: '👍', added: true });
  story.add({ kind: 'pin', by: 'ann', ordinal: 1, pinned: true });
  await story.insert(model.pool);
  const common = { conversation_id: uuid(1), user_id: 'cyn', at: timeOf(1), reason: 'spam' };
  await insert(model.pool, 'bans', [{ ...common, banned_by: 'ann' }]);
  const reported = { ordinal: 2, message_id: messageOf(2), author_id: 'ann', sequence: 3 };
  await insert(model.pool, 'reports', [{ ...common, ...reported }]);
  const { reason: _, ...invited } = { ...common, user_id: 'dan' };
  await insert(model.pool, 'invites', [{ ...invited, role: 'member', invited_by: 'ann', sequence: 3 }]);
});

const messageOf = (ordinal: number): string => String(story.messages[ordinal - 1]?.message_id);

async function get(path: string, headers: Record<string, string> = {}, userId = 'bob'): Promise<Response> {
  const { token } = await issuer.signer.sign({ sub: userId, scopes: [AUDIT_SCOPE] });
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
/** Of every query but the one that needs the log, which has its own test: a path, and that its answer is not empty. */
const paths: Record<Exclude<QueryName, 'events'>, () => string> = {
  me: () => '/v1/me',
  inbox: () => '/v1/me/conversations',
  unread: () => '/v1/me/unread',
  notifications: () => '/v1/me/notifications',
  threads: () => '/v1/me/threads',
  invites: () => '/v1/me/invites',
  scheduled: () => '/v1/me/scheduled',
  channels: () => '/v1/channels',
  conversation: () => room,
  members: () => `${room}/members`,
  messages: () => `${room}/messages?limit=3`,
  message: () => `${room}/messages/${messageOf(1)}`,
  thread: () => `${room}/messages/${messageOf(1)}/thread`,
  history: () => `${room}/messages/${messageOf(1)}/history`,
  reactions: () => `${room}/messages/${messageOf(1)}/reactions`,
  receipts: () => `${room}/receipts`,
  pins: () => `${room}/pins`,
  bans: () => `${room}/bans`,
  conversationInvites: () => `${room}/invites`,
  reports: () => `${room}/reports`,
  allReports: () => '/v1/reports',
  search: () => '/v1/search?q=message',
  user: () => '/v1/users/bob',
  users: () => '/v1/users?ids=ann,bob',
  audit: () => '/v1/audit',
};
const filled: readonly QueryName[] = [
  'inbox',
  'members',
  'messages',
  'history',
  'reactions',
  'receipts',
  'pins',
  'bans',
  'conversationInvites',
  'reports',
  'allReports',
  'audit',
];

describe.each(Object.entries(paths) as [Exclude<QueryName, 'events'>, () => string][])(
  'the query %s',
  (name, path) => {
    it('answers as the contract says, with the position it reflects', async () => {
      const response = await get(path());
      const body = (await response.json()) as { asOf: string; items?: unknown[] };
      expect([response.status, querySchemas[name].answer.parse(body)]).toEqual([200, body]);
      expect(body.asOf).toBe(`${EPOCH}:10`);
      expect(response.headers.get('parley-position')).toBe(body.asOf);
      expect(response.headers.get('cache-control')).toBe('private, no-cache');
      if (filled.includes(name)) expect(body.items).not.toEqual([]);
    });

    it('is not sent again when only the log has grown', async () => {
      const tag = (await get(path())).headers.get('etag') ?? '';
      await model.reach(20);
      const same = await get(path(), { 'if-none-match': `"other", ${tag}` });
      expect(same.status).toBe(304);
      expect(await same.text()).toBe('');
      expect(same.headers.get('parley-position')).toBe(`${EPOCH}:20`);
    });

    it('needs a token', async () => {
      expect(await problemOf(await get(path(), { authorization: '' }))).toMatchObject({
        status: 401,
        code: 'unauthenticated',
      });
    });
  },
);

it.each(['inbox', 'unread', 'conversation', 'members', 'messages', 'message', 'receipts', 'audit'] as const)(
  'the query %s is sent again when its content has changed',
  async (name) => {
    const tag = (await get(paths[name]())).headers.get('etag') ?? '';
    await model.pool.query(
      `UPDATE read_model.members SET read_ordinal = 4; UPDATE read_model.conversations SET version = 77;
       UPDATE read_model.messages SET version = 77; DELETE FROM read_model.audit WHERE version > 1`,
    );
    await model.pool.query(`UPDATE read_model.audit SET details = '{"changed":true}'`);
    expect((await get(paths[name](), { 'if-none-match': tag })).status).toBe(200);
  },
);

describe('read your writes', () => {
  it('waits for the position, and answers with what it brought', async () => {
    const waiting = get('/v1/me/unread', { 'parley-min-position': `${EPOCH}:30` });
    await model.pool.query('UPDATE read_model.conversations SET message_count = 9');
    await model.reach(30);
    expect(await (await waiting).json()).toMatchObject({ asOf: `${EPOCH}:30`, total: 6, conversations: 1 });
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

describe('a look back', () => {
  it('waits for a position that the read model has not reached, and answers as it was then', async () => {
    const waiting = get(`${room}/messages?asOf=${EPOCH}:30`);
    await model.reach(30);
    const body = querySchemas.messages.answer.parse(await (await waiting).json());
    expect(body).toMatchObject({ asOf: `${EPOCH}:30`, version: story.place.version });
    const early = querySchemas.messages.answer.parse(
      await (await get(`${room}/messages?asOf=${EPOCH}:4`)).json(),
    );
    expect(early.items.map((each) => each.body)).toEqual(['message 1', 'message 2', 'message 3']);
  });

  it('says when to come back when the position does not come', async () => {
    expect(await problemOf(await get(`${room}?asOf=${EPOCH}:31`))).toMatchObject({ code: 'not-yet-visible' });
  });

  it('to a time to come is the present', async () => {
    const body = await (await get(`${room}/members?asOf=9999-12-31T23:59:59Z`)).json();
    expect(querySchemas.members.answer.parse(body).items).toHaveLength(2);
  });

  it.each(['conversation', 'members', 'messages'] as const)(
    'of %s to another log, or to what is neither a position nor a time, is refused',
    async (name) => {
      const [path] = paths[name]().split('?');
      for (const asOf of [`${randomUUID()}:1`, 'yesterday', '1', `${EPOCH}:-1`, '2026-02-30T00:00:00Z', '']) {
        expect(await problemOf(await get(`${path}?asOf=${encodeURIComponent(asOf)}`))).toEqual({
          status: 400,
          code: 'invalid-request',
          path: 'asOf',
        });
      }
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
    ['/v1/me/conversations?filter=old', 'filter'],
    [`${room}/messages/x`, 'messageId'],
    [`${room}/messages/${uuid(1)}/thread?before=1&after=1`, 'after'],
    [`${room}/messages/${uuid(1)}/reactions?cursor=x`, 'cursor'],
    [`${room}/messages/${uuid(1)}/history?x=1`, 'x'],
    [`${room}/receipts?ordinal=-1`, 'ordinal'],
    [`${room}/bans?cursor=e30`, 'cursor'],
    [`${room}/invites?limit=0`, 'limit'],
    [`${room}/reports?cursor=${Buffer.from('[1.5]').toString('base64url')}`, 'cursor'],
    [`${room}/events?after=1e3`, 'after'],
    ['/v1/audit?conversation=1', 'conversation'],
    [`/v1/audit?cursor=${Buffer.from(`[1,${2 ** 40}]`).toString('base64url')}`, 'cursor'],
    ['/v1/me/conversations?cursor=%00%ff', 'cursor'],
    [
      `/v1/me/conversations?cursor=${Buffer.from(JSON.stringify([2 ** 50, 1, uuid(1)])).toString('base64url')}`,
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

  it.each([
    ...[
      '',
      '/members',
      '/messages',
      `/messages/${uuid(1)}`,
      `/messages/${uuid(1)}/thread`,
      '/receipts',
      '/pins',
    ],
    ...[
      `/messages/${uuid(1)}/history`,
      `/messages/${uuid(1)}/reactions`,
      '/bans',
      '/invites',
      '/reports',
      '/events',
    ],
    ...['/nothing', `?asOf=${EPOCH}:1`],
  ])('somebody who is not in it learns nothing of a conversation: %s', async (path) => {
    for (const id of [uuid(1), uuid(404)]) {
      const response = await get(`/v1/conversations/${id}${path}`, {}, 'zoe');
      expect(await problemOf(response)).toMatchObject({ status: 404, code: 'not-found' });
    }
  });
});

describe('the facts of a conversation', () => {
  it('come from the log; while that is away all else is answered and the process stays ready', async () => {
    const opened = await openEventLog({ natsUrl: nats.url, replicas: 1, name: 'test', logger });
    const event = { id: 'fact', type: 'later.invented', version: 1, actor: 'ann', data: { a: 1 } };
    await opened.log.append({
      subject: conversationSubject(uuid(1)),
      commitId: 'commit',
      payload: encodeCommit([event as unknown as LogEvent]),
      expectedLastSequence: 0,
    });
    const { epoch } = opened.log;
    await opened.close();
    await model.pool.query('UPDATE read_model.checkpoints SET epoch = $1', [epoch]);
    const facts = async () => {
      const response = await get(`${room}/events`);
      expect(response.status).toBe(200);
      return response.json();
    };
    const expected = {
      asOf: `${epoch}:10`,
      items: [{ sequence: 1, events: [event] }],
      head: story.place.version,
    };
    await vi.waitFor(async () => expect(await facts()).toEqual(expected), { timeout: 20_000 });
    expect(querySchemas.events.answer.parse(expected)).toEqual(expected);

    await nats.kill();
    await vi.waitFor(async () => {
      const response = await get(`${room}/events`);
      expect(response.headers.get('retry-after')).toBe('1');
      expect(await problemOf(response)).toMatchObject({ status: 503, code: 'unavailable' });
    });
    expect((await get(`${room}/messages`)).status).toBe(200);
    expect(await readiness.report()).toEqual({ ready: true, reasons: [] });
    await nats.restart();
    await vi.waitFor(async () => expect(await facts()).toEqual(expected), { timeout: 20_000 });
  });
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
