import { createClient, type ParleyClient } from '@parley/client';
import type { CommandInput, CommitItem } from '@parley/contracts';
import type { LocalServer } from '@parley/deploy/testing';
import { uuidv7 } from 'uuidv7';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Backend, startBackend } from '../testing/backend.ts';
import { Listener } from '../testing/listener.ts';

const NODES = ['warm', 'cold'];
let backend: Backend;
let olga: ParleyClient;
const nodes = new Map<string, LocalServer>();
const listeners: Listener[] = [];
/** Everybody's, so that a message in it shows what came before it. */
let commons = '';
const plaza = { id: '', head: 0 };
let group = '';
let news = '';
let gone = '';

async function create(data: CommandInput<'conversation.create'>): Promise<string> {
  return (await olga.createConversation(data)).result.conversationId;
}

/** Gives the version of the last one. */
async function say(id: string, count = 1): Promise<number> {
  let version = 0;
  for (let n = 1; n <= count; n++) version = (await olga.send(id, `message ${n}`)).version ?? 0;
  return version;
}

beforeAll(async () => {
  backend = await startBackend();
  await backend.start('projector');
  const [commandApi, warm] = await Promise.all([
    backend.start('command-api'),
    backend.start('realtime-gateway'),
  ]);
  const token = await backend.token('olga');
  olga = createClient({ commandApi: commandApi.url, readApi: '', gateway: '', token: () => token });
  const visitors = ['vic', 'ban', 'joe', 'max', 'sid', 'tia'];
  commons = await create({ type: 'group', members: visitors.map((userId) => ({ userId })) });
  plaza.id = await create({ type: 'channel', title: 'Plaza', members: [{ userId: 'mia' }] });
  group = await create({ type: 'group', members: [{ userId: 'mia' }] });
  news = await create({ type: 'broadcast', audience: { kind: 'segment', segment: 'press' } });
  gone = await create({ type: 'channel' });
  await olga.command('members.ban', { conversationId: plaza.id, userId: 'ban' });
  await olga.command('conversation.delete', { conversationId: gone });
  await say(news, 3);
  plaza.head = await say(plaza.id, 20);
  nodes.set('warm', warm);
  nodes.set('cold', await backend.start('realtime-gateway', { GATEWAY_WARM_COMMITS: '0' }));
});
afterEach(() => {
  for (const listener of listeners.splice(0)) listener.drop();
});
afterAll(() => backend?.stop());

async function connect(
  node: string,
  userId: string,
  { segments = [], feed = 'all' }: { segments?: string[]; feed?: 'all' | 'none' } = {},
): Promise<Listener> {
  const gateway = nodes.get(node);
  if (!gateway) throw new Error(`no such node: ${node}`);
  const { token } = await backend.issuer.signer.sign({ sub: userId, segments });
  const listener = await Listener.open(gateway, { token, feed });
  listeners.push(listener);
  await listener.live();
  return listener;
}

const versionsOf = (id: string, items: readonly CommitItem[]): number[] =>
  items.flatMap(({ events }) =>
    events.flatMap(({ subject, version = 0 }) => (subject === `conversation/${id}` ? [version] : [])),
  );
const replayed = (listener: Listener, id: string): number[] =>
  versionsOf(
    id,
    listener.of('sub-commits').flatMap(({ items }) => items),
  );
const live = (listener: Listener, id: string): number[] => versionsOf(id, listener.commits());
const dense = (after: number, last: number): number[] =>
  Array.from({ length: last - after }, (_, index) => after + 1 + index);

async function follow(listener: Listener, id: string, from: number | 'head'): Promise<void> {
  listener.say({ t: 'sub', id: 7, conversation: id, from });
  await listener.until(() => listener.of('sub-live').some(({ conversation }) => conversation === id));
}

/** Everything up to now has come to a member of the commons. */
async function upToNow(listener: Listener): Promise<void> {
  const version = await say(commons);
  await listener.until(() => live(listener, commons).includes(version));
}

describe.each(NODES)('following a public channel on a %s node', (node) => {
  const froms: [string, () => number | 'head'][] = [
    ['the beginning', () => 0],
    ['the middle', () => 11],
    ['the newest version', () => plaza.head],
    ['the head', () => 'head'],
  ];
  test.each(froms)('from %s gives what follows, then what happens', async (_, start) => {
    const from = start();
    const vic = await connect(node, 'vic');
    await follow(vic, plaza.id, from);
    const head = plaza.head;
    const after = from === 'head' ? head : from;
    expect(vic.of('sub-ok')).toEqual([{ t: 'sub-ok', id: 7, conversation: plaza.id, from: after, head }]);
    expect(replayed(vic, plaza.id)).toEqual(dense(after, head));
    expect(vic.of('sub-live')).toEqual([{ t: 'sub-live', conversation: plaza.id, version: head }]);
    plaza.head = await say(plaza.id, 3);
    await upToNow(vic);
    expect(live(vic, plaza.id)).toEqual(dense(head, plaza.head));
    expect(vic.of('reset')).toEqual([]);
  });

  test('from a version that does not exist is reset, and goes on', async () => {
    const vic = await connect(node, 'vic');
    await follow(vic, plaza.id, plaza.head + 10);
    expect(vic.of('reset')).toMatchObject([{ reason: 'unknown-position', conversation: plaza.id }]);
    expect(replayed(vic, plaza.id)).toEqual([]);
    const before = plaza.head;
    plaza.head = await say(plaza.id);
    await upToNow(vic);
    expect(live(vic, plaza.id)).toEqual(dense(before, plaza.head));
  });

  test('a second time continues from the version that the client says, and brings nothing twice', async () => {
    const vic = await connect(node, 'vic');
    await follow(vic, plaza.id, 'head');
    vic.say({ t: 'sub', id: 8, conversation: plaza.id, from: plaza.head - 2 });
    await vic.until(() => vic.of('sub-live').length === 2);
    expect(replayed(vic, plaza.id)).toEqual(dense(plaza.head - 2, plaza.head));
    const before = plaza.head;
    plaza.head = await say(plaza.id);
    await upToNow(vic);
    expect(live(vic, plaza.id)).toEqual(dense(before, plaza.head));
  });

  test('ends with unsub, and does not live longer than its socket', async () => {
    const vic = await connect(node, 'vic');
    await follow(vic, plaza.id, 'head');
    vic.say({ t: 'unsub', id: 9, conversation: plaza.id });
    vic.say({ t: 'sub', id: 10, conversation: uuidv7(), from: 0 });
    await vic.until(() => vic.of('error').length > 0);
    plaza.head = await say(plaza.id);
    await upToNow(vic);
    expect(live(vic, plaza.id)).toEqual([]);
    const next = await connect(node, 'vic');
    plaza.head = await say(plaza.id);
    await upToNow(next);
    expect(live(next, plaza.id)).toEqual([]);
  });

  test('what a member has anyway comes once; to one without a feed it comes by following', async () => {
    const [mia, bot] = [await connect(node, 'mia'), await connect(node, 'mia', { feed: 'none' })];
    await follow(mia, plaza.id, 0);
    await follow(bot, plaza.id, 5);
    expect(replayed(mia, plaza.id)).toEqual(dense(0, plaza.head));
    expect(replayed(bot, plaza.id)).toEqual(dense(5, plaza.head));
    const before = plaza.head;
    plaza.head = await say(plaza.id, 3);
    await say(group);
    for (const socket of [mia, bot]) {
      await socket.until(() => live(socket, plaza.id).includes(plaza.head));
      expect(live(socket, plaza.id)).toEqual(dense(before, plaza.head));
    }
    await mia.until(() => live(mia, group).length > 0);
    expect(live(bot, group)).toEqual([]);
  });

  const refusals: [string, string, () => string, string][] = [
    ['of others', 'vic', () => group, 'not-found'],
    ['that does not exist', 'vic', () => uuidv7(), 'not-found'],
    ['that was deleted', 'vic', () => gone, 'not-found'],
    ['for another segment', 'vic', () => news, 'not-found'],
    ['by one who is banned from it', 'ban', () => plaza.id, 'banned'],
  ];
  test.each(refusals)('a conversation %s is refused, and the socket stays', async (_, userId, id, code) => {
    const listener = await connect(node, userId);
    listener.say({ t: 'sub', id: 3, conversation: id(), from: 0 });
    await listener.until(() => listener.of('error').length > 0);
    expect(listener.of('error')).toMatchObject([{ id: 3, code }]);
    await upToNow(listener);
    expect(listener.of('sub-ok')).toEqual([]);
  });

  test('a broadcast comes to its audience, whole and without end', async () => {
    const head = await say(news);
    const sid = await connect(node, 'sid', { segments: ['press'] });
    await follow(sid, news, 0);
    expect(replayed(sid, news)).toEqual(dense(0, head));
    const last = await say(news, 2);
    await upToNow(sid);
    expect(live(sid, news)).toEqual(dense(head, last));
  });
});

describe('what changes while a conversation is followed', () => {
  test('a ban ends it with a word, for that one alone', async () => {
    const id = await create({ type: 'channel' });
    const [joe, tia] = [await connect('warm', 'joe'), await connect('cold', 'tia')];
    for (const visitor of [joe, tia]) await follow(visitor, id, 0);
    await olga.command('members.ban', { conversationId: id, userId: 'joe' });
    const last = await say(id, 2);
    await upToNow(joe);
    await tia.until(() => live(tia, id).includes(last));
    expect(joe.of('revoked')).toEqual([{ t: 'revoked', conversation: id, reason: 'banned' }]);
    expect(live(joe, id).at(-1) ?? 0).toBeLessThan(last - 1);
    expect(tia.of('revoked')).toEqual([]);
    joe.say({ t: 'sub', id: 4, conversation: id, from: 0 });
    await joe.until(() => joe.of('error').length > 0);
    expect(joe.of('error')).toMatchObject([{ id: 4, code: 'banned' }]);
  });

  test.each(NODES)(
    'a visitor who joins on a %s node goes on as a member without a hole or a double',
    async (node) => {
      const id = await create({ type: 'channel' });
      const max = await connect(node, 'max');
      await follow(max, id, 0);
      await say(id);
      await olga.command('members.add', { conversationId: id, members: [{ userId: 'max' }] });
      const last = await say(id, 2);
      await upToNow(max);
      expect([...replayed(max, id), ...live(max, id)]).toEqual(dense(0, last));
      expect(max.of('revoked')).toEqual([]);
      await olga.command('members.remove', { conversationId: id, userIds: ['max'] });
      await say(id);
      await upToNow(max);
      expect(max.of('revoked')).toEqual([{ t: 'revoked', conversation: id, reason: 'removed' }]);
      expect([...replayed(max, id), ...live(max, id)]).toEqual(dense(0, last + 1));
    },
  );

  test.each(NODES)('a deletion on a %s node is seen and told', async (node) => {
    const id = await create({ type: 'channel' });
    const max = await connect(node, 'max');
    await follow(max, id, 0);
    await olga.command('conversation.delete', { conversationId: id });
    await upToNow(max);
    expect(live(max, id)).toEqual([2]);
    expect(max.of('revoked')).toEqual([{ t: 'revoked', conversation: id, reason: 'deleted' }]);
  });
});
