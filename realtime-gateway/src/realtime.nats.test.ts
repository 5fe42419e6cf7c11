import { type SeenPresence, TYPING_TTL_MS } from '@parley/contracts';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { RealtimeGateway } from './realtime-gateway.ts';
import { drafts } from './testing/commits.ts';
import { GatewayStage } from './testing/gateway-stage.ts';
import type { TestSocket } from './testing/test-socket.ts';

let stage: GatewayStage;
let other: RealtimeGateway;

beforeAll(async () => {
  stage = await GatewayStage.set();
  other = await stage.world.gateway();
});
afterEach(() => stage.clear());
afterAll(() => stage?.stop());

async function live(userId: string, at = stage.gateway, hello: object = {}): Promise<TestSocket> {
  const token = await stage.world.token(userId);
  const socket = await stage.greet({ token, since: null, ...hello }, at);
  await socket.live();
  return socket;
}

const ofType = (socket: TestSocket, ...types: string[]) => socket.frames.filter(({ t }) => types.includes(t));

/** What the socket knows of a user by now. */
function seen(socket: TestSocket, user: string): SeenPresence | undefined {
  return socket.frames
    .flatMap((frame) => (frame.t === 'presences' ? frame.items : frame.t === 'presence' ? [frame] : []))
    .findLast((each) => each.user === user);
}

const stateOf = (user: string, state: string) => (socket: TestSocket) => seen(socket, user)?.state === state;

describe('a public channel', () => {
  test('is followed by a visitor from any version on, and live, on every gateway', async () => {
    const { id } = await stage.room('ann');
    await stage.world.publicChannel(id);
    const sent = await stage.say(id, 5);
    await stage.world.conversation(id, 6, 1);
    await stage.world.checkpoint();
    const visitors = [await live('visitor'), await live('visitor', other)];
    for (const visitor of visitors) {
      visitor.send({ t: 'sub', id: 7, conversation: id, from: 3 });
      await visitor.until((socket) => socket.frame('sub-live') !== undefined);
      expect(visitor.frame('sub-ok')).toEqual({ t: 'sub-ok', id: 7, conversation: id, from: 3, head: 6 });
      const replayed = visitor.frames.flatMap((frame) => (frame.t === 'sub-commits' ? frame.items : []));
      expect(replayed.map(({ seq }) => seq)).toEqual(sent.slice(2));
    }
    const [next] = await stage.say(id, 1);
    for (const visitor of visitors) {
      await visitor.seen(next ?? 0);
      visitor.send({ t: 'unsub', id: 8, conversation: id });
      // Answered in the order of the frames, this says that the one before it was done.
      visitor.send({ t: 'watch', id: 9, users: ['ann'] });
      await visitor.until((socket) => seen(socket, 'ann') !== undefined);
    }
    await stage.say(id, 1);
    const { id: own, created } = await stage.room('visitor');
    const [mine] = await stage.say(own, 1);
    for (const visitor of visitors) {
      await visitor.seen(mine ?? 0);
      expect(visitor.sequences()).toEqual([next, created, mine]);
      expect(visitor.client.faults).toEqual([]);
    }
  });

  test('that is none for the asker is an error with the request’s id, and the socket stays', async () => {
    const { id } = await stage.room('ann');
    const stranger = await live('stranger');
    stranger.send({ t: 'sub', id: 9, conversation: id, from: 'head' });
    await stranger.until((socket) => socket.frame('error') !== undefined);
    expect(stranger.frame('error')).toMatchObject({ id: 9, code: 'not-found' });
    expect(stranger.closeCode).toBeNull();
  });
});

describe('a broadcast to a segment', () => {
  const tokenIn = async (...segments: string[]): Promise<string> =>
    (await stage.world.issuer.signer.sign({ sub: 'vic', segments })).token;

  test('is followed while the token names the segment, and ends with one that does not', async () => {
    const { id } = await stage.room('ann');
    await stage.world.broadcast(id, 'vip');
    const socket = await stage.greet({ token: await tokenIn('vip', 'other'), since: null });
    await socket.live();
    socket.send({ t: 'sub', id: 1, conversation: id, from: 'head' });
    await socket.until((each) => each.frame('sub-live') !== undefined);
    const [first] = await stage.say(id, 1);
    await socket.seen(first ?? 0);
    for (const segments of [['vip'], ['other']]) {
      socket.send({ t: 'auth', token: await tokenIn(...segments) });
      const renewals = segments.includes('vip') ? 1 : 2;
      await socket.until((each) => ofType(each, 'auth-ok').length === renewals);
    }
    expect(ofType(socket, 'revoked')).toEqual([{ t: 'revoked', conversation: id, reason: 'removed' }]);
    await stage.say(id, 1);
    const own = await stage.room('vic');
    await socket.seen(own.created);
    expect(socket.sequences()).toEqual([first, own.created]);
  });
});

describe('what a client asks before it is live', () => {
  test('is done when it is', async () => {
    const { id, created } = await stage.room('bea');
    await stage.say(id, 3);
    const socket = await stage.open();
    const token = await stage.world.token('bea');
    socket.send({ t: 'hello', token, since: stage.world.position(created) });
    socket.send({ t: 'sub', id: 1, conversation: id, from: 2 });
    socket.send({ t: 'watch', id: 2, users: ['bea'] });
    await socket.until((each) => each.frame('sub-live') !== undefined && stateOf('bea', 'active')(each));
    const order = socket.frames.map(({ t }) => t);
    expect(order.indexOf('live')).toBeLessThan(order.indexOf('sub-ok'));
    expect(order.indexOf('live')).toBeLessThan(order.findIndex((t) => t.startsWith('presence')));
  });
});

describe('typing', () => {
  test('is told to the other members on every gateway, and to nobody else', async () => {
    const { id } = await stage.room('cyd', 'dan');
    const [cyd, dan, far, stranger] = [
      await live('cyd'),
      await live('dan'),
      await live('dan', other),
      await live('eve'),
    ];
    stranger.send({ t: 'typing', conversation: id, on: true });
    cyd.send({ t: 'typing', conversation: id, on: true });
    for (const socket of [dan, far]) {
      await socket.until((each) => each.frame('typing') !== undefined);
      expect(socket.frame('typing')).toEqual({
        t: 'typing',
        conversation: id,
        user: 'cyd',
        on: true,
        ttlMs: TYPING_TTL_MS,
      });
    }
    cyd.send({ t: 'typing', conversation: id, on: false });
    await far.until((each) => ofType(each, 'typing').length === 2);
    expect(ofType(far, 'typing')[1]).toMatchObject({ user: 'cyd', on: false });
    const [sent] = await stage.say(id, 1);
    await Promise.all([cyd.seen(sent ?? 0), dan.seen(sent ?? 0)]);
    expect([...ofType(cyd, 'typing'), ...ofType(stranger, 'typing')]).toEqual([]);
  });

  test('ends when the one who types goes', async () => {
    const { id } = await stage.room('fay', 'gus');
    const [fay, gus] = [await live('fay'), await live('gus', other)];
    fay.send({ t: 'typing', conversation: id, on: true });
    await gus.until((each) => ofType(each, 'typing').length === 1);
    fay.socket.close();
    await gus.until((each) => ofType(each, 'typing').length === 2);
    expect(ofType(gus, 'typing')[1]).toMatchObject({ user: 'fay', on: false });
  });
});

describe.each(['redis', 'nats'])('presence over %s', (kind) => {
  let here: RealtimeGateway;
  let there: RealtimeGateway;
  beforeAll(async () => {
    const environment = { GATEWAY_PRESENCE: kind };
    here = await stage.world.gateway(environment);
    there = await stage.world.gateway(environment);
  });

  test('is seen on other gateways as it is said, from hello on, and ends with the last socket', async () => {
    const user = `hal-${kind}`;
    const watcher = await live('watcher', here);
    watcher.send({ t: 'watch', id: 1, users: [user, 'nobody'] });
    await watcher.until(stateOf(user, 'offline'));
    const hal = await live(user, there, { presence: 'away' });
    await watcher.until(stateOf(user, 'away'));
    hal.send({ t: 'presence', state: 'dnd' });
    await watcher.until(stateOf(user, 'dnd'));
    hal.send({ t: 'presence', state: 'invisible' });
    await watcher.until(stateOf(user, 'offline'));
    hal.send({ t: 'presence', state: 'active' });
    await watcher.until(stateOf(user, 'active'));
    hal.socket.close();
    await watcher.until(stateOf(user, 'offline'));
    expect(seen(watcher, 'nobody')).toMatchObject({ user: 'nobody', state: 'offline' });
  });
});

test('a gateway that stops leaves nobody online', async () => {
  const leaving = await stage.world.gateway();
  const watcher = await live('watcher');
  watcher.send({ t: 'watch', id: 1, users: ['ivy'] });
  await live('ivy', leaving);
  await watcher.until(stateOf('ivy', 'active'));
  await leaving.stop();
  await watcher.until(stateOf('ivy', 'offline'));
});

test('a socket that joins by an event later types and is told who types', async () => {
  const { id } = await stage.room('jan');
  const [jan, kim] = [await live('jan'), await live('kim', other)];
  const added = await stage.world.writer.commit(id, drafts.added('kim'));
  await Promise.all([jan.seen(added), kim.seen(added)]);
  kim.send({ t: 'typing', conversation: id, on: true });
  await jan.until((each) => each.frame('typing') !== undefined);
  expect(jan.frame('typing')).toMatchObject({ user: 'kim', on: true });
});
