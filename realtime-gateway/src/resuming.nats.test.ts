import { SOCKET_LIMITS } from '@parley/contracts';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { drafts } from './testing/commits.ts';
import { GatewayStage } from './testing/gateway-stage.ts';

let stage: GatewayStage;

beforeAll(async () => {
  stage = await GatewayStage.set();
});
afterEach(() => stage.clear());
afterAll(() => stage?.stop());

describe('resuming', () => {
  test.each([
    ['the ring', () => Promise.resolve(stage.gateway)],
    ['the log', () => stage.coldGateway()],
  ])(
    'from the beginning, the middle and the head gives exactly what follows, out of %s',
    async (_, start) => {
      const { id, created } = await stage.room('ada', 'bob');
      const other = await stage.room('bob');
      const first = await stage.say(id, 10);
      await stage.say(other.id, 5);
      const second = await stage.say(id, 10);
      const all = [created, ...first, ...second];
      const at = await start();
      const from = async (since: number): Promise<number[]> => {
        const socket = await stage.connect('ada', stage.world.position(since), at);
        await socket.live();
        expect(socket.client.faults).toEqual([]);
        expect(socket.frame('welcome')).toMatchObject({
          user: 'ada',
          resumed: true,
          position: stage.world.position(since),
        });
        return socket.sequences().filter((sequence) => sequence >= created);
      };
      expect(await from(0)).toEqual(all);
      expect(await from(first[4] ?? 0)).toEqual([...first.slice(5), ...second]);
      expect(await from(second[9] ?? 0)).toEqual([]);
    },
  );

  test('goes on live without a hole while somebody writes', async () => {
    const { id, created } = await stage.room('cyd');
    await stage.say(id, 20);
    const socket = await stage.connect('cyd', stage.world.position(created), await stage.coldGateway());
    const later = await stage.say(id, 50);
    await socket.seen(later[49] ?? 0);
    const expected = Array.from({ length: 70 }, (_, n) => created + 1 + n);
    expect(socket.sequences()).toEqual(expected);
    expect(socket.client.faults).toEqual([]);
  });

  test('from the future, or from another log, is reset', async () => {
    const { id } = await stage.room('dan');
    const { last } = await stage.world.log.bounds();
    const future = await stage.connect('dan', stage.world.position(last + 1_000));
    await future.live();
    expect(future.frame('reset')).toMatchObject({
      reason: 'unknown-position',
      position: stage.world.position(last),
    });
    const other = await stage.connect('dan', `00000000-0000-4000-8000-000000000000:5`);
    await other.live();
    expect(other.frame('reset')).toMatchObject({ reason: 'epoch', position: stage.world.position(last) });
    const [next] = await stage.say(id, 1);
    await Promise.all([future.seen(next ?? 0), other.seen(next ?? 0)]);
    expect(future.sequences()).toEqual([next]);
  });

  test('from too far back is reset, and goes on live', async () => {
    const { id, created } = await stage.room('eve');
    const body = 'x';
    for (let n = 0; n <= SOCKET_LIMITS.replayEvents; n++)
      await stage.world.writer.commit(id, drafts.sent(n + 1, body));
    for (const at of [stage.gateway, await stage.coldGateway()]) {
      const socket = await stage.connect('eve', stage.world.position(created), at);
      await socket.live();
      expect(socket.frame('reset')).toMatchObject({ reason: 'too-far' });
      const [next] = await stage.say(id, 1);
      await socket.seen(next ?? 0);
    }
  });

  test('works on a node whose read model is far behind', async () => {
    const { id, created } = await stage.room('fay');
    const later = stage.newId();
    const joined = await stage.world.writer.commit(later, drafts.created('fay'));
    const sent = await stage.say(later, 3);
    const removed = await stage.world.writer.commit(id, drafts.removed('fay'));
    const socket = await stage.connect('fay', stage.world.position(created));
    await socket.live();
    expect(socket.sequences()).toEqual([joined, ...sent]);
    expect(socket.client.revoked).toEqual([id]);
    expect(removed).toBeGreaterThan(joined);
    await stage.world.left(id, 'fay', removed, 'removed');
    await stage.world.checkpoint();
  });
});
