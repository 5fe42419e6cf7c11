import { closeCodes, SOCKET_LIMITS } from '@parley/contracts';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { GatewayStage } from './testing/gateway-stage.ts';
import { OPCODE, RawSocket, rawFrame } from './testing/raw-socket.ts';
import type { TestSocket } from './testing/test-socket.ts';

/** Ours, and those with which a WebSocket server ends what is none: broken, not UTF-8, in too many parts, too large. */
const DEFINED = [...Object.keys(closeCodes).map(Number), 1002, 1007, 1008, 1009];
const HEARTBEAT = '{"t":"hb"}';

let stage: GatewayStage;
let witness: TestSocket;
let room: string;
let token: string;
const written: number[] = [];

beforeAll(async () => {
  stage = await GatewayStage.set({ GATEWAY_MAX_GREETING_PER_ADDRESS: '200' });
  room = (await stage.room('witness')).id;
  token = await stage.world.token('mallory');
});
afterAll(() => stage?.stop());

/** A client that behaves is connected all the while, and somebody writes to it. */
beforeAll(async () => {
  witness = await stage.world.connect(stage.gateway, 'witness');
  await witness.live();
  witness.socket.on('message', (data) => {
    if (String(data).includes('"t":"hb"')) witness.send(HEARTBEAT);
  });
});
afterEach(async () => {
  written.push(...(await stage.say(room, 3)));
  await witness.seen(written.at(-1) ?? 0);
  expect(witness.sequences()).toEqual(written);
  expect(witness.client.faults).toEqual([]);
  expect(witness.closeCode).toBeNull();
  expect((await fetch(`http://127.0.0.1:${stage.gateway.port}/health/ready`)).status).toBe(200);
});

async function greeted(): Promise<RawSocket> {
  const socket = await RawSocket.open(stage.gateway.url);
  await socket.frame(JSON.stringify({ t: 'hello', token }));
  await expect
    .poll(() => socket.texts.some((text) => text.includes('"t":"live"')), { timeout: 20_000 })
    .toBe(true);
  return socket;
}

const hello = (extra: object): string => JSON.stringify({ t: 'hello', token: 'x', since: null, ...extra });

describe('a frame that is none', () => {
  test.each([
    ['no JSON', 'hello', 4501],
    ['nothing', '', 4501],
    ['no object', '[]', 4501],
    ['null', 'null', 4501],
    ['very deep', '['.repeat(16_000), 4501],
    ['deep inside', `{"t":"hello","token":${'['.repeat(5_000)}${']'.repeat(5_000)}}`, 4501],
    ['an unknown type', '{"t":"subscribe","id":1}', 4501],
    ['a type that is a property of every object', '{"t":"__proto__"}', 4501],
    ['a property of every object', `{"t":"hb","__proto__":{"t":"hb"}}`, 4501],
    ['an extra field', '{"t":"hb","x":1}', 4501],
    ['a number for a token', hello({ token: 1 }), 4501],
    ['an object for a position', hello({ since: { $gt: '' } }), 4501],
    ['a presence that is none', hello({ presence: 'offline' }), 4501],
    ['a device that is too long', hello({ device: 'x'.repeat(129) }), 4501],
    ['a token that is none', hello({}), 4500],
    ['a NUL in a token', hello({ token: '\u0000' }), 4500],
    ['half a surrogate', '{"t":"hello","token":"\\ud800"}', 4500],
  ])('%s closes with its code', async (_, text, code) => {
    const socket = await RawSocket.open(stage.gateway.url);
    await socket.frame(text);
    expect(await socket.closed()).toBe(code);
  });

  test.each([
    ['sub', '{"t":"sub","id":1,"conversation":"0190a000-0000-7000-8000-000000000001","from":-1}'],
    ['sub of no conversation', '{"t":"sub","id":1,"conversation":"x","from":0}'],
    ['watch of too many', JSON.stringify({ t: 'watch', id: 1, users: Array(201).fill('u') })],
    ['typing without a word', '{"t":"typing","conversation":"0190a000-0000-7000-8000-000000000001"}'],
    ['a second hello', hello({})],
    ['a binary frame', null],
  ])('%s closes a live socket with 4501', async (_, text) => {
    const socket = await greeted();
    await (text === null ? socket.frame(HEARTBEAT, { opcode: OPCODE.binary }) : socket.frame(text));
    expect(await socket.closed()).toBe(4501);
  });

  test.each(['sub', 'unsub', 'typing', 'presence', 'watch', 'auth', 'hb'])(
    '%s before hello closes with 4501',
    async (t) => {
      const conversation = '0190a000-0000-7000-8000-000000000001';
      const fields = {
        sub: { id: 1, conversation, from: 'head' },
        unsub: { id: 1, conversation },
        typing: { conversation, on: true },
        presence: { state: 'away' },
        watch: { id: 1, users: [] },
        auth: { token },
      };
      const socket = await RawSocket.open(stage.gateway.url);
      await socket.frame(JSON.stringify({ t, ...(t in fields ? fields[t as keyof typeof fields] : {}) }));
      expect(await socket.closed()).toBe(4501);
    },
  );
});

describe('a WebSocket that breaks the rules of WebSockets', () => {
  const { continuation, ping, close } = OPCODE;
  const part = (opcode: number, final: boolean, payload = '') => rawFrame(payload, { opcode, final });
  test.each([
    ['sends no mask', rawFrame(HEARTBEAT, { masked: false }), 1002],
    ['sets a reserved bit', rawFrame(HEARTBEAT, { reservedBits: 4 }), 1002],
    ['uses a reserved opcode', rawFrame('', { opcode: 3 }), 1002],
    ['goes on with nothing', part(continuation, true, HEARTBEAT), 1002],
    ['begins twice', Buffer.concat([part(1, false, '{'), part(1, true, '}')]), 1002],
    ['sends a ping in parts', part(ping, false), 1002],
    ['sends a large ping', rawFrame('x'.repeat(126), { opcode: ping }), 1002],
    ['closes with no such code', rawFrame(Buffer.from([0, 1]), { opcode: close }), 1002],
    ['sends what is not UTF-8', rawFrame(Buffer.from([0xc3, 0x28])), 1007],
    ['sends too much at once', rawFrame('x'.repeat(SOCKET_LIMITS.frameBytes + 1)), 1009],
    [
      'sends too much in parts',
      Buffer.concat([part(1, false, 'x'.repeat(9_000)), part(continuation, true, 'x'.repeat(9_000))]),
      1009,
    ],
    ['announces more than there is', Buffer.from([0x81, 0xff, 0x7f, ...Array(7).fill(0xff)]), 1009],
    [
      'goes on for ever',
      Buffer.concat([part(1, false), ...Array.from({ length: 5_000 }, () => part(continuation, false))]),
      1008,
    ],
  ])('and %s is closed with its code', async (_, bytes, code) => {
    for (const socket of [await RawSocket.open(stage.gateway.url), await greeted()]) {
      await socket.write(bytes);
      expect(await socket.closed()).toBe(code);
    }
  });

  test('may send its hello in parts, with pings between them', async () => {
    const socket = await RawSocket.open(stage.gateway.url);
    const text = JSON.stringify({ t: 'hello', token });
    await socket.write(part(1, false, text.slice(0, 20)));
    await socket.write(rawFrame('?', { opcode: ping }));
    await socket.write(part(continuation, false, text.slice(20, 50)));
    await socket.write(part(continuation, true, text.slice(50)));
    await expect
      .poll(() => socket.texts.some((each) => each.includes('"t":"live"')), { timeout: 20_000 })
      .toBe(true);
    socket.tcp.destroy();
  });
});

describe('a flood', () => {
  test.each([
    ['heartbeats', rawFrame(HEARTBEAT), greeted],
    ['pings', rawFrame('?', { opcode: OPCODE.ping }), greeted],
    ['pongs', rawFrame('', { opcode: OPCODE.pong }), greeted],
    ['pings before hello', rawFrame('', { opcode: OPCODE.ping }), () => RawSocket.open(stage.gateway.url)],
  ])('of a million %s is cut, and what it sends is not kept', async (_, frame, open) => {
    const chunk = Buffer.concat(Array.from({ length: 5_000 }, () => frame));
    const before = memory();
    const socket = await open();
    for (let n = 0; n < 200; n++) if (!(await socket.write(chunk))) break;
    expect(await socket.closed()).toBe(4009);
    expect(memory() - before).toBeLessThan(64 * 1024 * 1024);
  });

  test('of half upgrades keeps nobody out', async () => {
    const half = `GET ${new URL(stage.gateway.url).pathname} HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\n`;
    const halves = await Promise.all(
      Array.from({ length: 100 }, () => RawSocket.open(stage.gateway.url, half)),
    );
    const socket = await greeted();
    for (const { tcp } of [...halves, socket]) tcp.destroy();
  });
});

function memory(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

test('whatever is sent in whatever order, the close code is a defined one', async () => {
  const conversation = fc.constantFrom('0190a000-0000-7000-8000-000000000001', 'x', '');
  const types = fc.constantFrom('hello', 'sub', 'unsub', 'typing', 'presence', 'watch', 'auth', 'hb');
  const someFrame = fc.record(
    {
      t: types,
      id: fc.oneof(fc.nat(), fc.double()),
      conversation,
      from: fc.oneof(fc.nat(), fc.constant('head'), fc.anything()),
      on: fc.boolean(),
      state: fc.constantFrom('active', 'away', 'offline'),
      users: fc.array(fc.string(), { maxLength: 5 }),
      token: fc.oneof(
        fc.constant('x'),
        fc.string(),
        fc.constant(null).map(() => token),
      ),
      since: fc.oneof(fc.constant(null), fc.string()),
    },
    { requiredKeys: ['t'] },
  );
  const bytes = fc.oneof(
    { weight: 6, arbitrary: someFrame.map((frame) => rawFrame(JSON.stringify(frame))) },
    fc.json({ maxDepth: 5 }).map((text) => rawFrame(text)),
    fc.string().map((text) => rawFrame(text)),
    fc.constantFrom(HEARTBEAT, '{"t":"auth","token":"x"}').map((text) => rawFrame(text)),
    fc
      .tuple(fc.uint8Array({ maxLength: 200 }), fc.nat(15), fc.boolean(), fc.boolean())
      .map(([body, opcode, final, masked]) => rawFrame(body, { opcode, final, masked })),
    fc.uint8Array({ maxLength: 200 }).map((body) => Buffer.from(body)),
  );
  const sent = fc.tuple(fc.boolean(), fc.array(bytes, { minLength: 1, maxLength: 40 }));
  await fc.assert(
    fc.asyncProperty(sent, async ([live, parts]) => {
      const socket = live ? await greeted() : await RawSocket.open(stage.gateway.url);
      for (const part of parts) await socket.write(part);
      // Whatever is half said is over with this, and what was right until now is not.
      for (let n = 0; n < 40; n++) await socket.frame('', { reservedBits: 7 });
      socket.tcp.end();
      const code = await socket.closed();
      // Without one: the client itself closed, by a frame that happened to say so.
      if (code !== null && code !== 1000 && code !== 1005) expect(DEFINED).toContain(code);
    }),
    { numRuns: 200 },
  );
});
