import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { RealtimeGateway } from './realtime-gateway.ts';
import { conversation, type Draft, drafts } from './testing/commits.ts';
import { GatewayWorld } from './testing/gateway-world.ts';
import type { TestSocket } from './testing/test-socket.ts';

let world: GatewayWorld;
let gateway: RealtimeGateway;
let rooms = 0;

beforeAll(async () => {
  world = await GatewayWorld.start();
  gateway = await world.gateway();
});

afterAll(async () => world?.stop());

const sockets: TestSocket[] = [];
afterEach(() => {
  for (const { socket } of sockets.splice(0)) socket.terminate();
});

async function connect(userId: string, since: number | null = null, at = gateway): Promise<TestSocket> {
  const socket = await world.connect(at, userId, since === null ? null : world.position(since));
  sockets.push(socket);
  await socket.live();
  return socket;
}

/** A process that has just started and read nothing ahead: what was before comes from the log. */
function coldGateway(): Promise<RealtimeGateway> {
  return world.gateway({ GATEWAY_WARM_COMMITS: '0' });
}

/** A new conversation, in the log and in the read model. */
async function room(...userIds: string[]): Promise<{ id: string; created: number }> {
  const id = conversation(++rooms);
  const created = await world.writer.commit(id, drafts.created(...userIds));
  await world.conversation(id, 1, userIds.length);
  for (const userId of userIds) await world.member(id, userId, created);
  await world.checkpoint();
  return { id, created };
}

function textsOf(socket: TestSocket) {
  return socket.client.seen.flatMap(({ events }) =>
    events.flatMap(({ type, data }) => {
      const { ordinal, body } = data as { ordinal: number; body?: string };
      return type === 'message.sent' || type === 'message.edited' ? [[type, ordinal, body]] : [];
    }),
  );
}

function lastEvent(socket: TestSocket) {
  const event = socket.client.seen.at(-1)?.events[0];
  return { type: event?.type, data: event?.data, version: event?.version };
}

/** What two users see of one more commit, each as it happens, out of the ring and out of the log. */
async function views(id: string, created: number, userIds: string[], draft: Draft) {
  const live = [];
  for (const userId of userIds) live.push(await connect(userId));
  const sequence = await world.writer.commit(id, draft);
  const cold = await coldGateway();
  const seen = [];
  for (const [index, userId] of userIds.entries()) {
    const replayed = [await connect(userId, created), await connect(userId, created, cold)];
    const events = [];
    for (const socket of [live[index], ...replayed]) {
      await socket?.seen(sequence);
      if (socket) events.push(lastEvent(socket));
    }
    seen.push(events);
  }
  return seen;
}

describe('texts that are deleted or expired now', () => {
  test('are in no resume, whatever it is served from, and all else is', async () => {
    const { id, created } = await room('abe');
    const live = await connect('abe');
    for (let ordinal = 1; ordinal <= 4; ordinal++) {
      await world.writer.commit(id, drafts.sent(ordinal));
    }
    await world.writer.commit(id, drafts.edited(3));
    await world.writer.commit(id, drafts.messageDeleted(3));
    const last = await world.writer.commit(id, drafts.expired(1));
    await live.seen(last);
    const served = [
      ['message.sent', 1, undefined],
      ['message.sent', 2, 'message 2'],
      ['message.sent', 3, undefined],
      ['message.sent', 4, 'message 4'],
      ['message.edited', 3, undefined],
    ];
    const fromRing = await connect('abe', created);
    expect(textsOf(fromRing)).toEqual(served);
    expect(fromRing.sequences()).toEqual(live.sequences());
    // The read model knows of none of it yet: the log itself has to tell.
    expect(textsOf(await connect('abe', created, await coldGateway()))).toEqual(served);
    await world.tombstone(id, 3);
    await world.expired(id, 1);
    await world.conversation(id, world.writer.version(id), 1);
    await world.checkpoint();
    const fromLog = await connect('abe', created, await coldGateway());
    expect(textsOf(fromLog)).toEqual(served);
    expect(fromLog.sequences()).toEqual(live.sequences());
    for (const socket of [fromRing, fromLog]) {
      expect(JSON.stringify(socket.client.seen)).not.toMatch(/message 3|edited 3|message 1"/);
    }
  });
});

describe('a ban', () => {
  test('says to moderators why and until when, and to members who is gone', async () => {
    const { id, created } = await room('cal', 'dot', 'eli');
    await world.role(id, 'cal', 'moderator');
    const data = {
      userId: 'eli',
      role: 'member' as const,
      until: '2030-01-01T00:00:00.000Z',
      reason: 'rude',
    };
    const [moderator, member] = await views(id, created, ['cal', 'dot'], { type: 'member.banned', data });
    const ban = { type: 'member.banned', version: 2 };
    expect(moderator).toEqual(Array(3).fill({ ...ban, data }));
    expect(member).toEqual(Array(3).fill({ ...ban, data: { userId: 'eli', role: 'member' } }));
  });

  test('of somebody outside, and an invite, are not even named to members', async () => {
    const { id, created } = await room('flo', 'gil');
    await world.role(id, 'flo', 'moderator');
    for (const draft of [
      { type: 'member.banned', data: { userId: 'zed' } },
      { type: 'member.invited', data: { userIds: ['zed'], role: 'member' } },
    ] satisfies Draft[]) {
      const [moderator, member] = await views(id, created, ['flo', 'gil'], draft);
      const version = world.writer.version(id);
      expect(moderator).toEqual(Array(3).fill({ ...draft, version }));
      expect(member).toEqual(Array(3).fill({ type: 'parley.hidden', data: {}, version }));
    }
  });
});

describe('a message from before one joined', () => {
  test('stays hidden when it is edited, where history is for members', async () => {
    const { id, created } = await room('hob', 'ira');
    await world.history(id, 'joined');
    await world.role(id, 'ira', 'member', 5);
    const [founder, newcomer] = await views(id, created, ['hob', 'ira'], drafts.edited(5));
    const { data } = drafts.edited(5);
    expect(founder).toEqual(Array(3).fill({ type: 'message.edited', data, version: 2 }));
    expect(newcomer).toEqual(Array(3).fill({ type: 'parley.hidden', data: {}, version: 2 }));
    const [, own] = await views(id, created, ['hob', 'ira'], drafts.edited(6));
    expect(own).toEqual(Array(3).fill({ type: 'message.edited', data: drafts.edited(6).data, version: 3 }));
  });
});
