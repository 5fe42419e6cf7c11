import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { drafts } from './testing/commits.ts';
import { GatewayStage } from './testing/gateway-stage.ts';
import { TestSocket } from './testing/test-socket.ts';

let stage: GatewayStage;

beforeAll(async () => {
  stage = await GatewayStage.set();
});
afterEach(() => stage.clear());
afterAll(() => stage?.stop());

describe('sockets', () => {
  test('a stalled reader is closed 4008 while others get everything', async () => {
    const { id } = await stage.room('quy', 'ray');
    const [stalled, reader] = [await stage.connect('quy'), await stage.connect('ray')];
    await Promise.all([stalled.live(), reader.live()]);
    stalled.socket.pause();
    const before = await stage.metric('parley_gateway_closes_total{code="4008"');
    const body = 'x'.repeat(10_000);
    let last = 0;
    let sent = 0;
    while ((await stage.metric('parley_gateway_closes_total{code="4008"')) === before) {
      for (let n = 0; n < 20; n++) {
        const messages = Array.from({ length: 20 }, (_, m) => drafts.sent(sent + m + 1, body));
        last = await stage.world.writer.commit(id, ...messages);
        sent += 20;
      }
      await reader.seen(last);
    }
    stalled.socket.resume();
    expect(await stalled.closed()).toBe(4008);
    expect(reader.client.faults).toEqual([]);
    expect(reader.client.seen.flatMap(({ events }) => events)).toHaveLength(sent);
    // What it did get is a prefix: it resumes from there and has the rest.
    const resumed = await stage.connect('quy', stalled.client.position);
    await resumed.seen(last);
    const together = [...stalled.sequences(), ...resumed.sequences()];
    expect(together).toEqual(reader.sequences());
  });

  test('an expired token is told apart, and a flood of frames is stopped', async () => {
    const expired = await TestSocket.open(stage.gateway.url);
    const { token } = await stage.world.issuer.signer.sign({ sub: 'sue', ttlSeconds: -60 });
    expired.send({ t: 'hello', token, since: null });
    expect(await expired.closed()).toBe(4403);
    const flooding = await stage.connect('sue');
    await flooding.live();
    for (let n = 0; n < 40; n++) flooding.send({ t: 'hb' });
    expect(await flooding.closed()).toBe(4009);
  });

  test('a clock that is set back takes nobody for a flooder', async () => {
    const [before, after] = [await stage.connect('kim'), await stage.connect('kim')];
    await Promise.all([before.live(), after.live()]);
    before.send({ t: 'hb' });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 3_600_000 });
    onTestFinished(() => void vi.useRealTimers());
    const { id } = await stage.room('kim');
    for (const socket of [before, after]) {
      for (let n = 0; n < 5; n++) socket.send({ t: 'hb' });
      socket.send({ t: 'sub', id: 1, conversation: id, from: 'head' });
      await socket.until(({ frames }) => frames.some(({ t }) => t === 'sub-live'));
    }
    expect([before.closeCode, after.closeCode]).toEqual([null, null]);
  });

  test('a token is renewed for the same user and refused for another', async () => {
    const socket = await stage.connect('tom');
    await socket.live();
    socket.send({ t: 'auth', token: await stage.world.token('tom') });
    await socket.until(({ frames }) => frames.some((frame) => frame.t === 'auth-ok'));
    socket.send({ t: 'auth', token: await stage.world.token('uma') });
    expect(await socket.closed()).toBe(4500);
  });

  test('another protocol is accepted and closed 4502, a foreign origin and another path are refused', async () => {
    expect(await (await TestSocket.open(stage.gateway.url, 'parley.v9')).closed()).toBe(4502);
    const bare = new WebSocket(stage.gateway.url);
    expect(await new Promise((resolve) => bare.once('close', resolve))).toBe(4502);
    const refusal = (url: string, origin: string): Promise<string> =>
      new Promise((resolve) => {
        new WebSocket(url, ['parley.v1'], { origin }).once('error', (error) => resolve(error.message));
      });
    expect(await refusal(stage.gateway.url, 'https://evil.example')).toContain('403');
    expect(await refusal(stage.gateway.url.replace('socket', 'other'), 'https://chat.example')).toContain(
      '404',
    );
    const allowed = new WebSocket(stage.gateway.url, ['parley.v1'], { origin: 'https://chat.example' });
    await new Promise((resolve) => allowed.once('open', resolve));
    allowed.terminate();
  });
});
