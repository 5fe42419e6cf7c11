import { errorCatalogue, parsePosition } from '@parley/contracts';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type HttpAnswer, HttpRig } from './testing/http-rig.ts';

let rig: HttpRig;
let api: string;
/** A group of anna's with ben, and a message of anna's in it. */
let room: string;
let message: { messageId: string; sequence: number };

const command = (type: string, userId: string, data: unknown, options?: Parameters<HttpRig['post']>[3]) =>
  rig.post(`${api}/v1/commands/${type}`, userId, data, options);

async function newRoom(): Promise<string> {
  const { body } = await command('conversation.create', 'anna', {
    type: 'group',
    members: [{ userId: 'ben' }],
  });
  return body.result.conversationId;
}

beforeAll(async () => {
  rig = await HttpRig.start();
  api = await rig.serve();
  room = await newRoom();
  const { body } = await command('message.send', 'anna', { conversationId: room, body: 'first' });
  message = { messageId: body.commandId, sequence: parsePosition(body.position)?.sequence ?? 0 };
}, 120_000);
afterAll(() => rig?.stop());

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
