import { parsePosition } from '@parley/contracts';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type HttpAnswer, HttpRig } from './testing/http-rig.ts';
import { commitsOf } from './testing/writer-rig.ts';

let rig: HttpRig;
let api: string;
let other: string;
/** A group of anna's with ben, and a message in it. */
let room: string;

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
  await command('message.send', 'anna', { conversationId: room, body: 'first' });
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
    const send = (userId: string, count: number) => {
      const items = Array.from({ length: count }, () =>
        item('message.send', { conversationId: room, body: 'x' }),
      );
      return rig.post(`${strict}/v1/commands`, userId, items, { key: null });
    };
    // Until the process has reached Redis it counts in its own memory: then with somebody else once more.
    await vi.waitFor(async () => {
      const userId = `ben-${uuidv7()}`;
      expect((await send(userId, 10)).status).toBe(200);
      const refused = await send(userId, 1);
      expect(refused.body).toMatchObject({ status: 429, code: 'rate-limited' });
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    }, 10_000);
  });
});
