import { createClient, type ParleyClient } from '@parley/client';
import type { HelloFrame, OwnPresence, SeenPresence } from '@parley/contracts';
import type { LocalServer } from '@parley/deploy/testing';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Backend, startBackend } from '../testing/backend.ts';
import { Listener } from '../testing/listener.ts';

type Pair = readonly [LocalServer, LocalServer];

let backend: Backend;
let commandApi: LocalServer;
/** Two gateways of each kind of store. */
const pairs = new Map<string, Pair>();
const listeners: Listener[] = [];

beforeAll(async () => {
  backend = await startBackend();
  await backend.start('projector');
  const start = (store: string) => backend.start('realtime-gateway', { GATEWAY_PRESENCE: store });
  const pairOf = async (store: string): Promise<void> => {
    pairs.set(store, await Promise.all([start(store), start(store)]));
  };
  [commandApi] = await Promise.all([backend.start('command-api'), pairOf('redis'), pairOf('nats')]);
});
afterEach(() => {
  for (const listener of listeners.splice(0)) listener.drop();
});
afterAll(() => backend?.stop());

async function connect(
  gateway: LocalServer,
  userId: string,
  hello: Omit<Partial<HelloFrame>, 't'> = {},
): Promise<Listener> {
  const token = await backend.token(userId);
  const listener = await Listener.open(gateway, { token, ...hello });
  listeners.push(listener);
  await listener.live();
  return listener;
}

async function pair(store: string): Promise<{ near: LocalServer; far: LocalServer }> {
  const [near, far] = pairs.get(store) ?? [];
  if (!near || !far) throw new Error(`no gateways with ${store}`);
  return { near, far };
}

/** All that a socket was told of a user, in order, after so many frames. */
function told(listener: Listener, user: string, after = 0): SeenPresence[] {
  return listener.frames
    .slice(after)
    .flatMap((frame) => {
      if (frame.t === 'presences') return frame.items;
      return frame.t === 'presence' ? [frame] : [];
    })
    .filter((seen) => seen.user === user);
}

const states = (listener: Listener, user: string, after = 0): string[] =>
  told(listener, user, after).map(({ state }) => state);

async function watch(listener: Listener, users: readonly string[], wanted: Record<string, string>) {
  listener.say({ t: 'watch', id: 1, users: [...users] });
  const agree = (): boolean =>
    users.every((user) => states(listener, user).at(-1) === (wanted[user] ?? 'offline'));
  await listener.until(agree);
}

async function groupOf(owner: string, ...members: string[]): Promise<{ client: ParleyClient; id: string }> {
  const token = await backend.token(owner);
  const client = createClient({ commandApi: commandApi.url, readApi: '', gateway: '', token: () => token });
  const { result } = await client.createConversation({
    type: 'group',
    members: members.map((userId) => ({ userId })),
  });
  return { client, id: result.conversationId };
}

async function withoutGhosts(store: string): Promise<string> {
  const { near, far } = await pair(store);
  const named = (name: string): string => `${store}-${name}`;
  const as = (gateway: LocalServer, name: string, presence: OwnPresence): Promise<Listener> =>
    connect(gateway, named(name), { presence });
  await as(near, 'lost', 'active');
  await as(near, 'unseen', 'invisible');
  await as(near, 'moving', 'active');
  const hopping = await as(near, 'hopping', 'active');
  await as(near, 'both', 'active');
  await as(far, 'both', 'away');
  await as(far, 'steady', 'dnd');
  const watcher = await as(far, 'watcher', 'active');
  const users = ['lost', 'unseen', 'moving', 'hopping', 'both', 'steady', 'absent'].map(named);
  const online = { lost: 'active', moving: 'active', hopping: 'active', both: 'active', steady: 'dnd' };
  await watch(
    watcher,
    users,
    Object.fromEntries(Object.entries(online).map(([name, s]) => [named(name), s])),
  );

  const before = watcher.frames.length;
  hopping.drop();
  await as(far, 'hopping', 'active');
  await near.kill();
  try {
    await as(far, 'moving', 'active');
    await watcher.until(() => states(watcher, named('lost')).at(-1) === 'offline');
    await watcher.until(() => states(watcher, named('both')).at(-1) === 'away');
    expect(told(watcher, named('lost')).at(-1)?.lastSeen).toBeGreaterThan(0);
    const since = (name: string) => states(watcher, named(name), before);
    expect(since('lost')).toEqual(['offline']);
    expect(since('both')).toEqual(['away']);
    for (const name of ['moving', 'hopping', 'steady', 'unseen', 'absent']) {
      expect(since(name)).toEqual([]);
    }
  } finally {
    await near.restart();
  }
  const back = await as(near, 'lost', 'active');
  await watcher.until(() => states(watcher, named('lost')).at(-1) === 'active');
  await watch(back, [named('watcher'), named('both')], {
    [named('watcher')]: 'active',
    [named('both')]: 'away',
  });
  back.say({ t: 'presence', state: 'dnd' });
  await watcher.until(() => states(watcher, named('lost')).at(-1) === 'dnd');
  return `${store}: ${watcher.frames.filter(({ t }) => t.startsWith('presence')).length} presence frames`;
}

describe('presence', () => {
  test('nobody stays online whose gateway was killed, nobody else goes offline, in either store', async () => {
    const done = await Promise.all([withoutGhosts('redis'), withoutGhosts('nats')]);
    process.stdout.write(`${done.join('; ')}\n`);
  });
});

describe('typing', () => {
  test('is told to the other members on every gateway, and to nobody else', async () => {
    const { near, far } = await pair('redis');
    const { id, client } = await groupOf('ann', 'bob', 'cid');
    const { id: common } = await groupOf('ann', 'bob', 'cid', 'dan');
    const bob = await connect(near, 'bob');
    const others = [await connect(near, 'bob'), await connect(far, 'bob'), await connect(far, 'dan')];
    const members = [await connect(near, 'ann'), await connect(far, 'ann'), await connect(far, 'cid')];
    const said = (listener: Listener) => listener.of('typing').map(({ user, on }) => [user, on]);
    bob.say({ t: 'typing', conversation: id, on: true });
    for (const member of members) await member.until(() => said(member).length === 1);
    bob.say({ t: 'typing', conversation: id, on: false });
    for (const member of members) await member.until(() => said(member).length === 2);
    for (const member of members) {
      expect(member.of('typing')[0]).toMatchObject({ conversation: id, user: 'bob', on: true });
      expect(member.of('typing')[0]?.ttlMs).toBeGreaterThan(0);
      expect(said(member)[1]).toEqual(['bob', false]);
    }
    await client.send(common, 'so far');
    for (const other of [bob, ...others]) {
      await other.until(() => other.commits().length > 0);
      expect(other.of('typing')).toEqual([]);
    }
  });

  test('is not heard from one who is not in the conversation', async () => {
    const { near, far } = await pair('redis');
    const { id, client } = await groupOf('eve', 'fay');
    const { id: common } = await groupOf('eve', 'gus', 'fay');
    const [gus, fay] = [await connect(near, 'gus'), await connect(far, 'fay')];
    gus.say({ t: 'typing', conversation: id, on: true });
    gus.say({ t: 'typing', conversation: common, on: true });
    await fay.until(() => fay.of('typing').length > 0);
    await client.send(id, 'so far');
    await fay.until(() => fay.commits().length > 0);
    expect(fay.of('typing').map(({ conversation }) => conversation)).toEqual([common]);
  });
});

describe('a revoked session', () => {
  test('is closed on every gateway and cannot come back, other sessions of the user stay', async () => {
    const { near, far } = await pair('redis');
    const tokenOf = async (session: string): Promise<string> =>
      (await backend.issuer.signer.sign({ sub: 'ida', session })).token;
    const [stolen, own] = [await tokenOf('stolen'), await tokenOf('own')];
    const open = (gateway: LocalServer, token: string) => connect(gateway, 'ida', { token });
    const ended = [await open(near, stolen), await open(far, stolen), await open(far, stolen)];
    const kept = [await open(near, own), await open(far, own)];
    const answer = await fetch(`${commandApi.url}/v1/sessions/revoke`, {
      method: 'POST',
      headers: { authorization: `Bearer ${stolen}`, 'content-type': 'application/json' },
      body: JSON.stringify({}),
    });
    expect(answer.status).toBe(200);
    for (const listener of ended) expect(await listener.closed()).toBe(4503);
    const again = await Listener.open(near, { token: stolen });
    listeners.push(again);
    expect([4500, 4503]).toContain(await again.closed());
    const { client, id } = await groupOf('jon', 'ida');
    await client.send(id, 'still there?');
    for (const listener of kept) {
      await listener.until(() => listener.commits().length > 0);
      expect(listener.closeCode).toBeNull();
    }
  });
});
