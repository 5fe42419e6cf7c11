import { SOCKET_LIMITS } from '@parley/contracts';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import type { RealtimeGateway } from './realtime-gateway.ts';
import { conversation, drafts } from './testing/commits.ts';
import { GatewayWorld } from './testing/gateway-world.ts';
import { TestSocket } from './testing/test-socket.ts';

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

async function connect(userId: string, since: string | null = null, at = gateway): Promise<TestSocket> {
  const socket = await world.connect(at, userId, since);
  sockets.push(socket);
  return socket;
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

/** A process that has just started and read nothing ahead: what was before comes from the log. */
function coldGateway(): Promise<RealtimeGateway> {
  return world.gateway({ GATEWAY_WARM_COMMITS: '0' });
}

async function say(id: string, count: number): Promise<number[]> {
  const sequences: number[] = [];
  for (let n = 0; n < count; n++) {
    sequences.push(await world.writer.commit(id, drafts.sent(world.writer.version(id))));
  }
  return sequences;
}

describe('resuming', () => {
  test.each([
    ['the ring', () => Promise.resolve(gateway)],
    ['the log', coldGateway],
  ])(
    'from the beginning, the middle and the head gives exactly what follows, out of %s',
    async (_, start) => {
      const { id, created } = await room('ada', 'bob');
      const other = await room('bob');
      const first = await say(id, 10);
      await say(other.id, 5);
      const second = await say(id, 10);
      const all = [created, ...first, ...second];
      const at = await start();
      const from = async (since: number): Promise<number[]> => {
        const socket = await connect('ada', world.position(since), at);
        await socket.live();
        expect(socket.client.faults).toEqual([]);
        expect(socket.frame('welcome')).toMatchObject({
          user: 'ada',
          resumed: true,
          position: world.position(since),
        });
        return socket.sequences().filter((sequence) => sequence >= created);
      };
      expect(await from(0)).toEqual(all);
      expect(await from(first[4] ?? 0)).toEqual([...first.slice(5), ...second]);
      expect(await from(second[9] ?? 0)).toEqual([]);
    },
  );

  test('goes on live without a hole while somebody writes', async () => {
    const { id, created } = await room('cyd');
    await say(id, 20);
    const socket = await connect('cyd', world.position(created), await coldGateway());
    const later = await say(id, 50);
    await socket.seen(later[49] ?? 0);
    const expected = Array.from({ length: 70 }, (_, n) => created + 1 + n);
    expect(socket.sequences()).toEqual(expected);
    expect(socket.client.faults).toEqual([]);
  });

  test('from the future, or from another log, is reset', async () => {
    const { id } = await room('dan');
    const { last } = await world.log.bounds();
    const future = await connect('dan', world.position(last + 1_000));
    await future.live();
    expect(future.frame('reset')).toMatchObject({
      reason: 'unknown-position',
      position: world.position(last),
    });
    const other = await connect('dan', `00000000-0000-4000-8000-000000000000:5`);
    await other.live();
    expect(other.frame('reset')).toMatchObject({ reason: 'epoch', position: world.position(last) });
    const [next] = await say(id, 1);
    await Promise.all([future.seen(next ?? 0), other.seen(next ?? 0)]);
    expect(future.sequences()).toEqual([next]);
  });

  test('from too far back is reset, and goes on live', async () => {
    const { id, created } = await room('eve');
    const body = 'x';
    for (let n = 0; n <= SOCKET_LIMITS.replayEvents; n++)
      await world.writer.commit(id, drafts.sent(n + 1, body));
    for (const at of [gateway, await coldGateway()]) {
      const socket = await connect('eve', world.position(created), at);
      await socket.live();
      expect(socket.frame('reset')).toMatchObject({ reason: 'too-far' });
      const [next] = await say(id, 1);
      await socket.seen(next ?? 0);
    }
  });

  test('works on a node whose read model is far behind', async () => {
    const { id, created } = await room('fay');
    const later = conversation(++rooms);
    const joined = await world.writer.commit(later, drafts.created('fay'));
    const sent = await say(later, 3);
    const removed = await world.writer.commit(id, drafts.removed('fay'));
    const socket = await connect('fay', world.position(created));
    await socket.live();
    expect(socket.sequences()).toEqual([joined, ...sent]);
    expect(socket.client.revoked).toEqual([id]);
    expect(removed).toBeGreaterThan(joined);
    await world.left(id, 'fay', removed, 'removed');
    await world.checkpoint();
  });
});

describe('membership', () => {
  test('somebody who is removed sees the removal, is told, and sees nothing more', async () => {
    const { id } = await room('gus', 'hal');
    const [gus, hal] = [await connect('gus'), await connect('hal')];
    await Promise.all([gus.live(), hal.live()]);
    const removal = await world.writer.commit(id, drafts.removed('gus'));
    const [after] = await say(id, 1);
    await hal.seen(after ?? 0);
    await gus.until(({ client }) => client.revoked.length > 0);
    expect(gus.sequences()).toEqual([removal]);
    expect(gus.frame('revoked')).toEqual({ t: 'revoked', conversation: id, reason: 'removed' });
    expect(hal.sequences()).toEqual([removal, after]);
  });

  test('somebody who left while away is told on resuming', async () => {
    const { id, created } = await room('ian', 'joe');
    const left = await world.writer.commit(id, drafts.left('ian'));
    await world.left(id, 'ian', left, 'left');
    await world.conversation(id, 2, 1);
    await world.checkpoint();
    const socket = await connect('ian', world.position(created));
    await socket.live();
    expect(socket.frame('revoked')).toEqual({ t: 'revoked', conversation: id, reason: 'left' });
    expect(socket.sequences()).toEqual([]);
    const again = await connect('ian', world.position(left));
    await again.live();
    expect(again.frame('revoked')).toBeUndefined();
  });

  test('the members of a deleted conversation see the deletion and are told, on resuming too', async () => {
    const { id, created } = await room('bea', 'coy');
    const [bea, coy] = [await connect('bea'), await connect('coy')];
    await Promise.all([bea.live(), coy.live()]);
    const deleted = await world.writer.commit(id, drafts.deleted());
    for (const socket of [bea, coy]) {
      await socket.until(({ client }) => client.revoked.length > 0);
      expect(socket.sequences()).toEqual([deleted]);
      expect(socket.frame('revoked')).toEqual({ t: 'revoked', conversation: id, reason: 'deleted' });
    }
    await world.deleted(id, deleted);
    await world.checkpoint();
    const away = await connect('bea', world.position(created));
    await away.live();
    expect(away.frame('revoked')).toEqual({ t: 'revoked', conversation: id, reason: 'deleted' });
    expect(away.sequences()).toEqual([]);
    const later = await connect('bea', world.position(deleted));
    await later.live();
    expect(later.frame('revoked')).toBeUndefined();
  });

  test('somebody who is banned is told so', async () => {
    const { id, created } = await room('dov', 'eda');
    const dov = await connect('dov');
    await dov.live();
    const banned = await world.writer.commit(id, drafts.banned('dov', 'member'));
    await dov.until(({ client }) => client.revoked.length > 0);
    expect(dov.sequences()).toEqual([banned]);
    await world.left(id, 'dov', banned, 'banned');
    await world.checkpoint();
    const again = await connect('dov', world.position(created));
    await again.live();
    expect(again.frame('revoked')).toEqual({ t: 'revoked', conversation: id, reason: 'banned' });
  });

  test('somebody who left and came back sees what follows the return', async () => {
    const { id, created } = await room('kim', 'lea');
    await world.writer.commit(id, drafts.left('kim'));
    await say(id, 3);
    const back = await world.writer.commit(id, drafts.sent(4), drafts.added('kim'), drafts.sent(5));
    const since = await say(id, 2);
    await world.member(id, 'kim', back);
    await world.conversation(id, world.writer.version(id), 2);
    await world.checkpoint();
    for (const at of [gateway, await coldGateway()]) {
      const socket = await connect('kim', world.position(created), at);
      await socket.live();
      expect(socket.sequences()).toEqual([back, ...since]);
      expect(socket.client.seen[0]?.events.map((event) => event.type)).toEqual([
        'members.added',
        'message.sent',
      ]);
      expect(socket.client.revoked).toEqual([]);
    }
  });

  test('somebody who is added gets the conversation at once, on every device', async () => {
    const { id } = await room('max');
    const [phone, desk] = [await connect('nia'), await connect('nia')];
    await Promise.all([phone.live(), desk.live()]);
    await say(id, 1);
    const added = await world.writer.commit(id, drafts.added('nia'));
    const [next] = await say(id, 1);
    for (const device of [phone, desk]) {
      await device.seen(next ?? 0);
      expect(device.sequences()).toEqual([added, next]);
    }
  });
});

describe('receipts', () => {
  test('go to the members, never with cursors of conversations that they are not in', async () => {
    const { id } = await room('oda', 'pia');
    // A conversation of the same partition: both cursors travel in one commit.
    const { id: secret } = await room('pia');
    const [oda, pia] = [await connect('oda'), await connect('pia')];
    await Promise.all([oda.live(), pia.live()]);
    const sequence = await world.writer.reads([
      { conversationId: id, userId: 'pia', readOrdinal: 1 },
      { conversationId: secret, userId: 'pia', readOrdinal: 2 },
    ]);
    await Promise.all([oda.seen(sequence), pia.seen(sequence)]);
    const cursorsOf = (socket: TestSocket) =>
      socket.client.seen.flatMap(({ events }) =>
        events.flatMap((event) => (event.data as { entries: { conversationId: string }[] }).entries),
      );
    expect(cursorsOf(oda).map((entry) => entry.conversationId)).toEqual([id]);
    expect(cursorsOf(pia).map((entry) => entry.conversationId)).toEqual([id, secret]);
  });
});

describe('receipts of a conversation that nobody here was in', () => {
  test('come once the read model has told whether they are shown', async () => {
    const { id } = await room('jem');
    const [kit, lou] = [await connect('kit'), await connect('lou')];
    await Promise.all([kit.live(), lou.live()]);
    await world.writer.commit(id, drafts.added('kit', 'lou'));
    const read = () => world.writer.reads([{ conversationId: id, userId: 'kit', readOrdinal: 1 }]);
    const unknown = await read();
    await kit.seen(unknown);
    await world.conversation(id, world.writer.version(id), 3);
    await expect
      .poll(
        async () => {
          await kit.seen(await read());
          return lou.sequences().length;
        },
        { timeout: 20_000 },
      )
      .toBeGreaterThan(1);
    expect(lou.sequences()).not.toContain(unknown);
  });
});

describe('what is one’s own', () => {
  test('a lowered cursor is plain to its user and redacted for others, live and replayed', async () => {
    const { id, created } = await room('fia', 'geo');
    const live = [await connect('fia'), await connect('geo')];
    await Promise.all(live.map((socket) => socket.live()));
    const lowered = await world.writer.commit(id, drafts.lowered('fia', 3));
    const cold = await coldGateway();
    for (const [index, userId] of ['fia', 'geo'].entries()) {
      const replayed = await connect(userId, world.position(created));
      const fromLog = await connect(userId, world.position(created), cold);
      for (const socket of [live[index], replayed, fromLog]) {
        await socket?.seen(lowered);
        expect(socket?.client.seen[0]?.events[0]).toMatchObject(
          userId === 'fia' ? { actor: 'writer', data: { ordinal: 3 } } : { actor: 'parley', data: {} },
        );
      }
    }
  });

  test('facts of a user reach every device of theirs and nobody else', async () => {
    const { id } = await room('hue', 'ivo');
    const [phone, desk, other] = [await connect('hue'), await connect('hue'), await connect('ivo')];
    await Promise.all([phone, desk, other].map((socket) => socket.live()));
    const messageId = conversation(900_001);
    const report = { conversationId: id, messageId, ordinal: 1, authorId: 'ivo', reason: 'spam' as const };
    const own = await world.writer.own(
      'hue',
      { type: 'inbox.muted', data: { conversationId: id } },
      { type: 'message.reported', data: report },
      { type: 'user.blocked', data: { userId: 'ivo' } },
    );
    const [next] = await say(id, 1);
    await Promise.all([phone, desk, other].map((socket) => socket.seen(next ?? 0)));
    for (const device of [phone, desk]) expect(device.sequences()).toEqual([own, next]);
    expect(other.sequences()).toEqual([next]);
  });
});

describe('sockets', () => {
  test('a stalled reader is closed 4008 while others get everything', async () => {
    const { id } = await room('quy', 'ray');
    const [stalled, reader] = [await connect('quy'), await connect('ray')];
    await Promise.all([stalled.live(), reader.live()]);
    stalled.socket.pause();
    const before = await metric('parley_gateway_closes_total{code="4008"');
    const body = 'x'.repeat(10_000);
    let last = 0;
    let sent = 0;
    while ((await metric('parley_gateway_closes_total{code="4008"')) === before) {
      for (let n = 0; n < 20; n++) {
        const messages = Array.from({ length: 20 }, (_, m) => drafts.sent(sent + m + 1, body));
        last = await world.writer.commit(id, ...messages);
        sent += 20;
      }
      await reader.seen(last);
    }
    stalled.socket.resume();
    expect(await stalled.closed()).toBe(4008);
    expect(reader.client.faults).toEqual([]);
    expect(reader.client.seen.flatMap(({ events }) => events)).toHaveLength(sent);
    // What it did get is a prefix: it resumes from there and has the rest.
    const resumed = await connect('quy', stalled.client.position);
    await resumed.seen(last);
    const together = [...stalled.sequences(), ...resumed.sequences()];
    expect(together).toEqual(reader.sequences());
  });

  test.each([
    ['no JSON', 'hello', 4501],
    ['a frame that does not exist', '{"t":"sub","id":1}', 4501],
    ['an extra field', '{"t":"hb","x":1}', 4501],
    ['no hello first', '{"t":"auth","token":"x"}', 4501],
    ['a token that is none', '{"t":"hello","token":"x","since":null}', 4500],
    ['a position that is none', '{"t":"hello","token":"x","since":"5"}', 4501],
    ['a binary frame', Buffer.from('{"t":"hb"}'), 4501],
    ['a frame over the limit', 'x'.repeat(SOCKET_LIMITS.frameBytes + 1), 1009],
  ])('%s closes with its code', async (_, data, code) => {
    const socket = await TestSocket.open(gateway.url);
    socket.raw(data);
    expect(await socket.closed()).toBe(code);
  });

  test('an expired token is told apart, and a flood of frames is stopped', async () => {
    const expired = await TestSocket.open(gateway.url);
    const { token } = await world.issuer.signer.sign({ sub: 'sue', ttlSeconds: -60 });
    expired.send({ t: 'hello', token, since: null });
    expect(await expired.closed()).toBe(4403);
    const flooding = await connect('sue');
    await flooding.live();
    for (let n = 0; n < 40; n++) flooding.send({ t: 'hb' });
    expect(await flooding.closed()).toBe(4009);
  });

  test('a token is renewed for the same user and refused for another', async () => {
    const socket = await connect('tom');
    await socket.live();
    socket.send({ t: 'auth', token: await world.token('tom') });
    await socket.until(({ frames }) => frames.some((frame) => frame.t === 'auth-ok'));
    socket.send({ t: 'auth', token: await world.token('uma') });
    expect(await socket.closed()).toBe(4500);
  });

  test('another protocol is accepted and closed 4502, a foreign origin and another path are refused', async () => {
    expect(await (await TestSocket.open(gateway.url, 'parley.v9')).closed()).toBe(4502);
    const bare = new WebSocket(gateway.url);
    expect(await new Promise((resolve) => bare.once('close', resolve))).toBe(4502);
    const refusal = (url: string, origin: string): Promise<string> =>
      new Promise((resolve) => {
        new WebSocket(url, ['parley.v1'], { origin }).once('error', (error) => resolve(error.message));
      });
    expect(await refusal(gateway.url, 'https://evil.example')).toContain('403');
    expect(await refusal(gateway.url.replace('socket', 'other'), 'https://chat.example')).toContain('404');
    const allowed = new WebSocket(gateway.url, ['parley.v1'], { origin: 'https://chat.example' });
    await new Promise((resolve) => allowed.once('open', resolve));
    allowed.terminate();
  });

  test('whatever is sent, the process stays healthy and the close code is one of the protocol', async () => {
    const frame = fc.oneof(
      fc.string(),
      fc.json(),
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      fc
        .record({ t: fc.constantFrom('hello', 'auth', 'hb', 'sub'), token: fc.string() })
        .map((f) => JSON.stringify(f)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { minLength: 1, maxLength: 40 }), async (frames) => {
        const socket = await TestSocket.open(gateway.url);
        for (const data of frames) socket.raw(data);
        socket.raw('not a frame');
        expect([4009, 4500, 4501]).toContain(await socket.closed());
      }),
      { numRuns: 50 },
    );
    expect((await fetch(`http://127.0.0.1:${gateway.port}/health/ready`)).status).toBe(200);
  });
});

describe('the process', () => {
  test('sends its clients away when it stops', async () => {
    const { id } = await room('val');
    const leaving = await world.gateway();
    const socket = await connect('val', null, leaving);
    await socket.live();
    const [sent] = await say(id, 1);
    await socket.seen(sent ?? 0);
    await leaving.stop();
    expect(await socket.closed()).toBe(4001);
    expect(socket.frame('drain')).toMatchObject({ reason: 'deploy' });
    const elsewhere = await connect('val', socket.client.position);
    const [next] = await say(id, 1);
    await elsewhere.seen(next ?? 0);
    expect(elsewhere.sequences()).toEqual([next]);
  });

  test('without Postgres keeps live sockets live and tells new ones to come again', async () => {
    const { id } = await room('wim');
    const socket = await connect('wim');
    await socket.live();
    await world.postgres.stop();
    try {
      const refused = await connect('wim', world.position(1));
      expect(await refused.closed()).toBe(4000);
      const [sent] = await say(id, 1);
      await socket.seen(sent ?? 0);
    } finally {
      await world.postgres.restart();
    }
  });

  test('loses no commit over a restart of the log', async () => {
    const { id } = await room('xia');
    const socket = await connect('xia');
    await socket.live();
    await say(id, 5);
    await world.nats.restart();
    const after = await say(id, 5);
    await socket.seen(after[4] ?? 0);
    expect(socket.sequences()).toHaveLength(10);
    expect(socket.client.faults).toEqual([]);
    expect(await metric('parley_gateway_gaps_total')).toBe(0);
  });
});

async function metric(prefix: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${gateway.port}/metrics`)).text();
  const line = text.split('\n').find((each) => each.startsWith(prefix));
  return Number(line?.split(' ').at(-1) ?? 0);
}
