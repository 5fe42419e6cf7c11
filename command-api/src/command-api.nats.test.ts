import { commandSchemas, errorCatalogue, parsePosition } from '@parley/contracts';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type HttpAnswer, HttpRig } from './testing/http-rig.ts';
import { commitsOf } from './testing/writer-rig.ts';

let rig: HttpRig;
let api: string;
let other: string;
/** A group of anna's with ben, and a message of anna's in it. */
let room: string;
let message: { messageId: string; sequence: number };

const command = (type: string, userId: string, data: unknown, options?: Parameters<HttpRig['post']>[3]) =>
  rig.post(`${api}/v1/commands/${type}`, userId, data, options);
const batch = (userId: string, items: unknown) =>
  rig.post(`${api}/v1/commands`, userId, items, { key: null });

async function newRoom(): Promise<string> {
  const { body } = await command('conversation.create', 'anna', {
    type: 'group',
    members: [{ userId: 'ben' }],
  });
  return body.result.conversationId;
}

beforeAll(async () => {
  rig = await HttpRig.start();
  [api, other] = await Promise.all([rig.serve(), rig.serve()]);
  room = await newRoom();
  const { body } = await command('message.send', 'anna', { conversationId: room, body: 'first' });
  message = { messageId: body.commandId, sequence: parsePosition(body.position)?.sequence ?? 0 };
}, 120_000);
afterAll(() => rig?.stop());

describe('an accepted command', () => {
  test('answers key, position, version and result, and the position in a header too', async () => {
    const key = uuidv7();
    const answer = await command('message.send', 'ben', { conversationId: room, body: 'hello' }, { key });
    expect(answer.status).toBe(200);
    const { position, ...rest } = answer.body;
    expect(rest).toEqual({
      commandId: key,
      version: 3,
      result: { messageId: key, ordinal: 2 },
      replayed: false,
    });
    expect(answer.headers.get('parley-position')).toBe(position);
    const { epoch, sequence } = parsePosition(position) ?? {};
    expect(epoch).toBe(rig.opened.log.epoch);
    const commits = await commitsOf(rig.opened.log, room);
    expect(commits.find((commit) => commit.sequence === sequence)?.events[0]).toMatchObject({
      commandid: key,
      actor: 'ben',
      version: 3,
    });
  });

  test('repeated gets the same answer from another process, in another order of fields', async () => {
    const key = uuidv7();
    const first = await command(
      'message.send',
      'ben',
      { conversationId: room, body: 'again', format: 'plain' },
      { key },
    );
    const data = { format: 'plain', body: 'again', conversationId: room };
    const second = await rig.post(`${other}/v1/commands/message.send`, 'ben', data, { key });
    expect(second.body).toEqual({ ...first.body, replayed: true });
    const third = await command('message.send', 'ben', { conversationId: room, body: 'again' }, { key });
    expect(third.body).toMatchObject({ status: 422, code: 'idempotency-conflict' });
  });

  test('of every type carries a result of its schema', async () => {
    const id = await newRoom();
    const steps: [string, string, object][] = [
      ['members.add', 'anna', { conversationId: id, members: [{ userId: 'cleo' }] }],
      ['message.send', 'cleo', { conversationId: id, body: 'hi' }],
      ['messages.read', 'ben', { conversationId: id, ordinal: 1 }],
      ['message.edit', 'cleo', { conversationId: id, body: 'hi!' }],
      ['message.delete', 'anna', { conversationId: id }],
      ['members.remove', 'anna', { conversationId: id, userIds: ['cleo'] }],
      ['conversation.leave', 'ben', { conversationId: id }],
      ['conversation.join', 'anna', { conversationId: id }],
      ['conversation.create', 'anna', { type: 'channel', title: 'Tea' }],
    ];
    const key = uuidv7();
    for (const [type, userId, data] of steps) {
      const about = type === 'message.edit' || type === 'message.delete' ? { messageId: key } : {};
      const options = type === 'message.send' ? { key } : {};
      const { status, body } = await command(type, userId, { ...data, ...about }, options);
      expect([type, status]).toEqual([type, 200]);
      const schema = commandSchemas[type as keyof typeof commandSchemas].result;
      expect(schema.safeParse(body.result).success).toBe(true);
    }
    expect(new Set(steps.map(([type]) => type))).toEqual(new Set(Object.keys(commandSchemas)));
  });

  test('moves a cursor forward only', async () => {
    const id = await newRoom();
    for (const body of ['1', '2', '3']) await command('message.send', 'anna', { conversationId: id, body });
    const read = async (ordinal: number) =>
      (await command('messages.read', 'ben', { conversationId: id, ordinal })).body;
    const second = await read(2);
    expect(second).toMatchObject({ version: 0, result: { ordinal: 2 }, replayed: false });
    const before = await rig.head();
    expect((await read(1)).result).toEqual({ ordinal: 2 });
    expect((await read(2)).position).toBe(second.position);
    expect(await rig.head()).toBe(before);
    expect((await read(3)).result).toEqual({ ordinal: 3 });
    const own = await command('messages.read', 'anna', { conversationId: id, ordinal: 3 });
    expect(own.body.result).toEqual({ ordinal: 3 });
    expect(await rig.head()).toBe(before + 1);
  });

  test('is one of 200 to one conversation through two processes, stored once each in fewer commits', async () => {
    const id = await newRoom();
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, n) =>
        rig.post(`${n % 2 ? api : other}/v1/commands/message.send`, n % 3 ? 'anna' : 'ben', {
          conversationId: id,
          body: `${n}`,
        }),
      ),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const ordinals = answers.map(({ body }) => body.result.ordinal).sort((a, b) => a - b);
    expect(ordinals).toEqual(Array.from({ length: 200 }, (_, n) => n + 1));
    const commits = await commitsOf(rig.opened.log, id);
    expect(commits.flatMap(({ events }) => events.map(({ version }) => version))).toEqual(
      Array.from({ length: 201 }, (_, n) => n + 1),
    );
    expect(commits.length).toBeLessThan(150);
    const metrics = await (await fetch(`${api}/metrics`)).text();
    expect(metrics).toMatch(/parley_commit_commands_count\{[^}]*\} \d/);
  });
});

describe('a batch', () => {
  const item = (type: string, data: object, key = uuidv7()) => ({ key, type, data });

  test('answers each item in its place, and takes effect in order', async () => {
    const id = await newRoom();
    const key = uuidv7();
    const about = { conversationId: id, messageId: key };
    const { status, body } = await batch('anna', [
      item('message.send', { conversationId: id, body: 'tpyo' }, key),
      item('message.edit', { ...about, body: 'typo' }),
      item('message.send', { conversationId: id, body: '' }),
      item('no.such', {}),
      item('message.send', { conversationId: uuidv7(), body: 'x' }),
      item('members.remove', { conversationId: id, userIds: ['ben'] }),
      item('message.send', { conversationId: id, body: 'tpyo' }, key),
      item('message.send', { conversationId: id, body: 'other' }, key),
      item('message.delete', about),
      item('message.send', { conversationId: id, body: 'last' }),
    ]);
    expect(status).toBe(200);
    const statuses = body.items.map((answer: { status: number }) => answer.status);
    expect(statuses).toEqual([200, 200, 400, 400, 404, 200, 200, 422, 200, 200]);
    expect(body.items[2].body.errors[0].path).toBe('2.data.body');
    expect(body.items[3].body.errors[0].path).toBe('3.type');
    expect(body.items[6].body).toEqual({ ...body.items[0].body, replayed: true });
    const types = (await commitsOf(rig.opened.log, id)).flatMap(({ events }) =>
      events.map(({ type }) => type),
    );
    expect(types.slice(1)).toEqual([
      'message.sent',
      'message.edited',
      'members.removed',
      'message.deleted',
      'message.sent',
    ]);
  });

  test('of a hundred sends is a commit or two, and again the same answers', async () => {
    const id = await newRoom();
    const items = Array.from({ length: 100 }, (_, n) =>
      item('message.send', { conversationId: id, body: `${n}` }),
    );
    const { body } = await batch('anna', items);
    const ordinals = body.items.map((answer: HttpAnswer) => answer.body.result.ordinal);
    expect(ordinals).toEqual(items.map((_, n) => n + 1));
    expect((await commitsOf(rig.opened.log, id)).length).toBeLessThan(5);
    const again = await batch('anna', items);
    expect(again.body.items).toEqual(
      body.items.map((answer: HttpAnswer) => ({ ...answer, body: { ...answer.body, replayed: true } })),
    );
  });

  test.each([
    ['101 items', () => Array.from({ length: 101 }, () => item('conversation.join', {})), ''],
    ['no item', () => [], ''],
    ['not a list', () => ({ key: uuidv7() }), ''],
    ['an item without a key', () => [{ type: 'message.send', data: {} }], '0.key'],
    ['an item with an unknown field', () => [{ ...item('message.send', {}), extra: 1 }], '0.extra'],
    ['an item that is no object', () => [null], '0'],
  ])('of %s is refused as a whole', async (_, items, path) => {
    const answer = await batch('anna', items());
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ code: 'invalid-request', errors: [{ path }] });
  });

  test('costs as many points as it has commands', async () => {
    const strict = await rig.serve({ PARLEY_LIMITS: 'on', RATE_COMMANDS_PER_MINUTE: '10' });
    const send = (count: number) => {
      const items = Array.from({ length: count }, () =>
        item('message.send', { conversationId: room, body: 'x' }),
      );
      return rig.post(`${strict}/v1/commands`, 'ben', items, { key: null });
    };
    expect((await send(10)).status).toBe(200);
    const refused = await send(1);
    expect(refused.body).toMatchObject({ status: 429, code: 'rate-limited' });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  });
});

describe('bad input', () => {
  type Case = [name: string, status: number, code: string, path: string | null, () => Promise<HttpAnswer>];
  const send = (data: object, options?: Parameters<HttpRig['post']>[3]) =>
    command('message.send', 'anna', { conversationId: room, body: 'x', ...data }, options);
  const raw = (body: string | Uint8Array, headers = {}) => command('message.send', 'anna', body, { headers });
  const withToken = (authorization: string) => send({}, { headers: { authorization } });
  const key = (value: string | null) => send({}, { key: value });
  const nested = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;
  const KEY = 'headers.idempotency-key';
  const invalid = (name: string, path: string, ask: () => Promise<HttpAnswer>): Case => [
    name,
    400,
    'invalid-request',
    path,
    ask,
  ];
  const id = (name: string, conversationId: unknown): Case =>
    invalid(`an id ${name}`, 'conversationId', () => send({ conversationId }));

  const cases: Case[] = [
    invalid('an unknown type', 'type', () => command('message.shout', 'anna', {})),
    invalid('a type that every object has', 'type', () => command('constructor', 'anna', {})),
    invalid('a missing field', 'body', () => command('message.send', 'anna', { conversationId: room })),
    invalid('an unknown field', 'silent', () => send({ silent: true })),
    invalid('10,001 characters', 'body', () => send({ body: 'x'.repeat(10_001) })),
    invalid('10,001 emoji', 'body', () => send({ body: '😀'.repeat(10_001) })),
    invalid('an empty text', 'body', () => send({ body: '' })),
    invalid('a blank text', 'body', () => send({ body: ' \n\t' })),
    invalid('a control character', 'body', () => send({ body: 'a\u0007b' })),
    invalid('a NUL', 'body', () => send({ body: 'a\u0000b' })),
    invalid('a lone surrogate', 'body', () => raw(`{"conversationId":"${room}","body":"\\ud800"}`)),
    invalid('a body of another type', 'body', () => send({ body: 7 })),
    invalid('a format nobody knows', 'format', () => send({ format: 'html' })),
    invalid('metadata over 2 KB', 'metadata', () => send({ metadata: { a: 'x'.repeat(2_048) } })),
    invalid('a reply to no id', 'replyTo', () => send({ replyTo: 'first' })),
    invalid('no object', '', () => command('message.send', 'anna', '[]')),
    invalid('null', '', () => command('message.send', 'anna', 'null')),
    id('with dots', `evt.00.conv.${'0'.repeat(8)}`),
    id('with a wildcard', '*'),
    id('with a full wildcard', '>'),
    id('with spaces', ' 01900000-0000-7000-8000-000000000000'),
    id('in upper case', '01900000-0000-7000-8000-00000000ABCD'),
    id('with a line break', '01900000-0000-7000-8000-000000000000\n'),
    id('that is a number', 7),
    id('that is empty', ''),
    invalid('an uncanny user id', 'userIds.0', () =>
      command('members.remove', 'anna', { conversationId: room, userIds: ['a\nb'] }),
    ),
    invalid('129 bytes of user id', 'members.0.userId', () =>
      command('members.add', 'anna', { conversationId: room, members: [{ userId: 'é'.repeat(65) }] }),
    ),
    invalid('1,001 members', 'members', () => {
      const members = Array.from({ length: 1_001 }, (_, n) => ({ userId: `u${n}` }));
      return command('members.add', 'anna', { conversationId: room, members });
    }),
    invalid('a role nobody has', 'members.0.role', () =>
      command('members.add', 'anna', { conversationId: room, members: [{ userId: 'u', role: 'king' }] }),
    ),
    invalid('a huge array where an object belongs', '', () => raw(`[${'0,'.repeat(200_000)}0]`)),
    invalid('a huge array in a field', 'body', () =>
      raw(`{"conversationId":"${room}","body":[${'0,'.repeat(200_000)}0]}`),
    ),
    invalid('100,000 unknown fields', 'f0', () =>
      send(Object.fromEntries(Array.from({ length: 50_000 }, (_, n) => [`f${n}`, 0]))),
    ),
    invalid('an ordinal beyond the newest', 'ordinal', () =>
      command('messages.read', 'anna', { conversationId: room, ordinal: 1_000_000 }),
    ),
    invalid('an ordinal of 0', 'ordinal', () =>
      command('messages.read', 'anna', { conversationId: room, ordinal: 0 }),
    ),
    invalid('an ordinal beyond safe integers', 'ordinal', () =>
      raw(`{"conversationId":"${room}","ordinal":1e300}`).then(() =>
        command('messages.read', 'anna', `{"conversationId":"${room}","ordinal":1e300}`),
      ),
    ),
    invalid('a sequence without that message', 'sequence', () =>
      command('message.edit', 'anna', { conversationId: room, ...message, sequence: 1, body: 'x' }),
    ),
    invalid('a sequence the log never reached', 'sequence', () =>
      command('message.delete', 'anna', {
        conversationId: room,
        ...message,
        sequence: Number.MAX_SAFE_INTEGER,
      }),
    ),
    invalid('no idempotency key', KEY, () => key(null)),
    invalid('an idempotency key of another version', KEY, () => key('7b0a8c1e-3b8f-4d53-9a52-0d9b5ac0c9d1')),
    invalid('an upper-case idempotency key', KEY, () => key(uuidv7().toUpperCase())),
    invalid('an idempotency key of tomorrow', KEY, () => key(`ffffffff-ffff${uuidv7().slice(13)}`)),
    invalid('two idempotency keys', KEY, () => key(`${uuidv7()}, ${uuidv7()}`)),
    invalid('a group under a direct conversation’s id', 'conversationId', () =>
      command('conversation.create', 'anna', {
        type: 'group',
        conversationId: '7b0a8c1e-3b8f-5d53-9a52-0d9b5ac0c9d1',
      }),
    ),
    invalid('a direct conversation of three', 'members', () =>
      command('conversation.create', 'anna', { type: 'direct', members: [{ userId: 'x' }, { userId: 'y' }] }),
    ),
    [
      'oneself',
      422,
      'self-message',
      null,
      () => command('conversation.create', 'anna', { type: 'direct', members: [{ userId: 'anna' }] }),
    ],
    [
      'a stranger',
      404,
      'not-found',
      null,
      () => command('message.send', 'eve', { conversationId: room, body: 'x' }),
    ],
    ['an unknown conversation', 404, 'not-found', null, () => send({ conversationId: uuidv7() })],
    [
      'an unknown message',
      404,
      'not-found',
      'messageId',
      () => command('message.edit', 'anna', { conversationId: room, messageId: uuidv7(), body: 'x' }),
    ],
    [
      'somebody else’s message',
      403,
      'forbidden',
      null,
      () => command('message.edit', 'ben', { conversationId: room, messageId: message.messageId, body: 'x' }),
    ],
    [
      'too low a role',
      403,
      'forbidden',
      null,
      () => command('members.add', 'ben', { conversationId: room, members: [{ userId: 'cleo' }] }),
    ],
    [
      'the last owner leaving',
      409,
      'last-owner',
      null,
      () => command('conversation.leave', 'anna', { conversationId: room }),
    ],
    ['no token', 401, 'unauthenticated', null, () => withToken('')],
    ['another scheme', 401, 'unauthenticated', null, () => withToken('Basic YTpi')],
    ['a wrong token', 401, 'unauthenticated', null, () => withToken('Bearer not.a.token')],
    [
      'a token without signature',
      401,
      'unauthenticated',
      null,
      async () => withToken(`Bearer ${(await rig.token('anna')).split('.').slice(0, 2).join('.')}.`),
    ],
    [
      'an expired token',
      401,
      'token-expired',
      null,
      async () =>
        withToken(`Bearer ${(await rig.issuer.signer.sign({ sub: 'anna', ttlSeconds: -60 })).token}`),
    ],
    ['malformed JSON', 400, 'malformed-json', null, () => raw('{"body":')],
    ['no body', 400, 'malformed-json', null, () => raw('')],
    ['JSON in a broken encoding', 400, 'malformed-json', null, () => raw(Buffer.from([0x22, 0xff, 0x22]))],
    ['thousands of levels', 400, 'malformed-json', null, () => raw(`{"metadata":${nested(20_000)}}`)],
    [
      'thousands of levels of arrays',
      400,
      'malformed-json',
      null,
      () => raw(`${'['.repeat(50_000)}${']'.repeat(50_000)}`),
    ],
    ['__proto__', 400, 'malformed-json', null, () => raw(`{"__proto__":{"type":"x"},"body":"x"}`)],
    [
      'constructor.prototype',
      400,
      'malformed-json',
      null,
      () => raw(`{"metadata":{"constructor":{"prototype":{"x":1}}},"body":"x"}`),
    ],
    ['2 MB', 413, 'too-large', null, () => raw(`{"body":"${'x'.repeat(2_000_000)}"}`)],
    [
      'another content type',
      415,
      'unsupported-media-type',
      null,
      () => raw('body=x', { 'content-type': 'text/plain' }),
    ],
    [
      'a form',
      415,
      'unsupported-media-type',
      null,
      () => raw('body=x', { 'content-type': 'application/x-www-form-urlencoded' }),
    ],
    [
      'no such route',
      404,
      'not-found',
      null,
      () => rig.post(`${api}/v1/commands/message.send/more`, 'anna', {}),
    ],
    ['a type of 5,000 characters', 404, 'not-found', null, () => command('x'.repeat(5_000), 'anna', {})],
  ];

  test.each(cases)('%s: %i %s, and nothing is appended', async (_, status, code, path, ask) => {
    const before = await rig.head();
    const answer = await ask();
    expect(answer.body).toMatchObject({ status, code, type: `urn:parley:error:${code}` });
    expect(answer.status).toBe(status);
    expect(Object.keys(errorCatalogue)).toContain(answer.body.code);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    const paths = (answer.body.errors ?? []).map((fault: { path: string }) => fault.path);
    if (path === null) expect(paths).toEqual([]);
    else expect(paths[0]).toBe(path);
    expect(await rig.head()).toBe(before);
  });

  test('leaves the service as it was', async () => {
    expect((await send({})).status).toBe(200);
    expect((await fetch(`${api}/health/ready`)).status).toBe(200);
  });
});
