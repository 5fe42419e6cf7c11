import { createLogger, openEventLog } from '@parley/runtime';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { GatewayStage } from './testing/gateway-stage.ts';
import { natsRequest } from './testing/nats-request.ts';
import type { TestSocket } from './testing/test-socket.ts';

let stage: GatewayStage;

beforeAll(async () => {
  stage = await GatewayStage.set();
});
afterEach(() => stage.clear());
afterAll(() => stage?.stop());

describe('the process', () => {
  test('sends its clients away when it stops, each with time to go, and keeps them live until then', async () => {
    const { id } = await stage.room('val', 'viv');
    const leaving = await stage.world.gateway({ GATEWAY_DRAIN_MS: '8000' });
    const users = ['val', 'viv', 'val', 'viv', 'val'];
    const sockets = await Promise.all(users.map((user) => stage.connect(user, null, leaving)));
    await Promise.all(sockets.map((socket) => socket.live()));
    const stopped = leaving.stop();
    const [one] = sockets;
    if (!one) throw new Error('there are five');
    await one.until((socket) => socket.frame('drain') !== undefined);
    const [sent] = await stage.say(id, 1);
    await one.seen(sent ?? 0);
    expect(await Promise.all(sockets.map((socket) => socket.closed()))).toEqual(users.map(() => 4001));
    for (const socket of sockets) {
      expect(socket.frames.filter(({ t }) => t === 'drain')).toEqual([
        { t: 'drain', afterMs: [0, 4_000], reason: 'deploy' },
      ]);
    }
    await stopped;
  });

  test('that has no time for it closes all at once when it stops, and they go on elsewhere', async () => {
    const { id } = await stage.room('val');
    const leaving = await stage.world.gateway();
    const socket = await stage.connect('val', null, leaving);
    await socket.live();
    const [sent] = await stage.say(id, 1);
    await socket.seen(sent ?? 0);
    await leaving.stop();
    expect(await socket.closed()).toBe(4001);
    expect(socket.frame('drain')).toBeUndefined();
    const elsewhere = await stage.connect('val', socket.client.position);
    const [next] = await stage.say(id, 1);
    await elsewhere.seen(next ?? 0);
    expect(elsewhere.sequences()).toEqual([next]);
  });

  test('without Postgres keeps live sockets live and tells new ones to come again', async () => {
    const { id } = await stage.room('wim');
    const socket = await stage.connect('wim');
    await socket.live();
    await stage.world.postgres.stop();
    try {
      const refused = await stage.connect('wim', stage.world.position(1));
      expect(await refused.closed()).toBe(4000);
      const [sent] = await stage.say(id, 1);
      await socket.seen(sent ?? 0);
    } finally {
      await stage.world.postgres.restart();
    }
  });
});

describe('the log', () => {
  /** What the socket has, and that it has it by one connection and without a fault. */
  async function expectAll(socket: TestSocket, sequences: readonly number[]): Promise<void> {
    await socket.seen(sequences.at(-1) ?? 0);
    expect(socket.sequences()).toEqual(sequences);
    expect(socket.client.faults).toEqual([]);
    expect(socket.closeCode).toBeNull();
  }

  test.each([
    ['restarted', () => stage.world.nats.restart()],
    ['killed and restarted', () => stage.world.nats.kill().then(() => stage.world.nats.restart())],
  ])('may be %s while sockets are open: they stay, and nothing is lost', async (_, restart) => {
    const { id } = await stage.room('xia', 'yan');
    const sockets = [await stage.connect('xia'), await stage.connect('yan')];
    await Promise.all(sockets.map((socket) => socket.live()));
    const sent = await stage.say(id, 5);
    await restart();
    sent.push(...(await stage.say(id, 5)));
    for (const socket of sockets) await expectAll(socket, sent);
    expect(await stage.metric('parley_gateway_gaps_total')).toBe(0);
  });

  test('may lose the consumer of a gateway: another one goes on where it was', async () => {
    const { id } = await stage.room('zoe');
    const socket = await stage.connect('zoe');
    await socket.live();
    const sent = await stage.say(id, 5);
    await socket.seen(sent.at(-1) ?? 0);
    const { url } = stage.world.nats;
    const { consumers } = await natsRequest(url, '$JS.API.CONSUMER.NAMES.EVT');
    const deleted = await Promise.all(
      (consumers as string[]).map((name) => natsRequest(url, `$JS.API.CONSUMER.DELETE.EVT.${name}`)),
    );
    expect(deleted.length).toBeGreaterThan(0);
    for (const answer of deleted) expect(answer).toMatchObject({ success: true });
    sent.push(...(await stage.say(id, 5)));
    await expectAll(socket, sent);
  });

  test('that is replaced by another one ends every socket with 4003, and the process is not ready', async () => {
    const own = await GatewayStage.set();
    try {
      const { id } = await own.room('abe');
      const socket = await own.connect('abe');
      await socket.live();
      const [sent] = await own.say(id, 1);
      await socket.seen(sent ?? 0);
      const { url } = own.world.nats;
      expect(await natsRequest(url, '$JS.API.STREAM.DELETE.EVT')).toMatchObject({ success: true });
      const logger = createLogger({ name: 'test', level: 'silent' });
      const another = await openEventLog({ natsUrl: url, replicas: 1, name: 'test', logger });
      expect(await socket.closed()).toBe(4003);
      const { status } = await fetch(`http://127.0.0.1:${own.gateway.port}/health/ready`);
      expect(status).toBe(503);
      await another.close();
    } finally {
      await own.stop();
    }
  });
});
