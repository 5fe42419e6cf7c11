import { once } from 'node:events';
import {
  connectRedis,
  createLogger,
  createRevocationList,
  openEventLog,
  type RevocationList,
} from '@parley/runtime';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { GatewayStage } from './testing/gateway-stage.ts';
import { TestSocket } from './testing/test-socket.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
let stage: GatewayStage;
let revocations: RevocationList;
let disconnect: () => void;

beforeAll(async () => {
  stage = await GatewayStage.set({
    GATEWAY_MAX_SOCKETS_PER_USER: '3',
    GATEWAY_MAX_GREETING_PER_ADDRESS: '4',
  });
  const redis = connectRedis({ url: stage.world.redis.url, logger });
  disconnect = () => redis.disconnect();
  await once(redis, 'ready');
  revocations = createRevocationList({ redis, logger });
});
afterEach(() => stage.clear());
afterAll(async () => {
  disconnect?.();
  await stage?.stop();
});

async function sessionToken(userId: string, session: string): Promise<string> {
  return (await stage.world.issuer.signer.sign({ sub: userId, session })).token;
}

async function live(hello: Record<string, unknown>, at = stage.gateway): Promise<TestSocket> {
  const socket = await stage.greet({ since: null, ...hello }, at);
  await socket.live();
  return socket;
}

describe('a revoked session', () => {
  test('is closed on every gateway, its user’s other sessions are not', async () => {
    const other = await stage.world.gateway();
    const token = await sessionToken('ann', 'ann-1');
    const [here, there] = [await live({ token }), await live({ token }, other)];
    const desk = await live({ token: await sessionToken('ann', 'ann-2') });
    await revocations.revoke('ann-1', 60);
    expect(await Promise.all([here.closed(), there.closed()])).toEqual([4503, 4503]);
    const again = await stage.greet({ token });
    expect(await again.closed()).toBe(4503);
    expect(desk.closeCode).toBeNull();
  });

  test('takes the sockets whose newest token is of it', async () => {
    const socket = await live({ token: await sessionToken('bob', 'bob-1') });
    socket.send({ t: 'auth', token: await sessionToken('bob', 'bob-2') });
    await socket.until(({ frames }) => frames.some(({ t }) => t === 'auth-ok'));
    const witness = await live({ token: await sessionToken('bob', 'bob-1') });
    await revocations.revoke('bob-1', 60);
    expect(await witness.closed()).toBe(4503);
    expect(socket.closeCode).toBeNull();
    await revocations.revoke('bob-2', 60);
    expect(await socket.closed()).toBe(4503);
  });

  test('is closed also when Redis was restarted meanwhile', async () => {
    const socket = await live({ token: await sessionToken('cyd', 'cyd-1') });
    await stage.world.redis.restart();
    const revoke = (): Promise<boolean> =>
      revocations.revoke('cyd-1', 60).then(
        () => true,
        () => false,
      );
    await expect.poll(revoke, { timeout: 10_000 }).toBe(true);
    expect(await socket.closed()).toBe(4503);
  });
});

describe('one user', () => {
  test('has so many sockets: the next one is refused, until one leaves', async () => {
    const token = await stage.world.token('dan');
    const sockets = [await live({ token }), await live({ token }), await live({ token })];
    const refused = await stage.greet({ token, since: null });
    expect(await refused.closed()).toBe(4504);
    expect(sockets.map(({ closeCode }) => closeCode)).toEqual([null, null, null]);
    await live({ token: await stage.world.token('eve') });
    sockets[0]?.socket.close();
    const retry = async (): Promise<number | null> => {
      const socket = await stage.greet({ token, since: null });
      await socket.live().catch(() => undefined);
      return socket.closeCode;
    };
    await expect.poll(retry, { timeout: 20_000 }).toBeNull();
  });

  test('has one socket for each device that is named: the newest', async () => {
    const token = await stage.world.token('fay');
    const [phone, desk] = [await live({ token, device: 'phone' }), await live({ token, device: 'desk' })];
    const nameless = await live({ token });
    const namesake = await live({ token: await stage.world.token('gus'), device: 'phone' });
    const again = await live({ token, device: 'phone' });
    expect(await phone.closed()).toBe(4010);
    expect([desk, nameless, namesake, again].map(({ closeCode }) => closeCode)).toEqual([
      null,
      null,
      null,
      null,
    ]);
  });
});

describe('one device', () => {
  const helloOf = async (userId: string): Promise<Record<string, unknown>> => ({
    token: await stage.world.token(userId),
    device: 'phone',
  });

  test('has one socket on all gateways together: the newest', async () => {
    const other = await stage.world.gateway();
    const hello = await helloOf('ivy');
    const first = await live(hello);
    const second = await live(hello, other);
    expect(await first.closed()).toBe(4010);
    const third = await live(hello);
    expect(await second.closed()).toBe(4010);
    expect(third.closeCode).toBeNull();
  });

  test('has one socket also when the gateways could not hear each other meanwhile', async () => {
    const other = await stage.world.gateway();
    const hello = await helloOf('jan');
    const first = await live(hello);
    await stage.world.nats.kill();
    const second = await stage.greet({ ...hello, since: null, feed: 'none' }, other);
    await second.live();
    expect(first.closeCode).toBeNull();
    await stage.world.nats.restart();
    expect(await first.closed()).toBe(4010);
    expect(second.closeCode).toBeNull();
  });

  test('has one socket on all gateways, whatever somebody else has told them', async () => {
    const other = await stage.world.gateway();
    const { signals, close } = await openEventLog({
      ...{ natsUrl: stage.world.nats.url, replicas: 1, name: 'test', logger },
    });
    onTestFinished(close);
    const told = { user: 'kai', device: 'phone', connection: 'x' };
    for (const at of [Number.MAX_SAFE_INTEGER, 1e300, -1, 0.5, '1', null]) {
      signals.send('live.hellos', Buffer.from(JSON.stringify([{ ...told, at }])));
    }
    const hello = await helloOf('lea');
    let last = await live(hello);
    for (let n = 0; n < 6; n++) {
      const next = await live(hello, n % 2 === 0 ? other : stage.gateway);
      expect(await last.closed()).toBe(4010);
      expect(next.closeCode).toBeNull();
      last = next;
    }
  });
});

test('sockets that have not said hello are so many per address', async () => {
  const silent = await Promise.all(Array.from({ length: 4 }, () => stage.open()));
  await expect(TestSocket.open(stage.gateway.url)).rejects.toThrow('429');
  silent[0]?.send({ t: 'hello', token: await stage.world.token('hal'), since: null });
  await silent[0]?.live();
  await stage.open();
});
