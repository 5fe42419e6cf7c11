import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createClient } from './client.ts';
import type { SocketConstructor } from './connection.ts';
import { type SubscribeOptions, Subscription } from './subscription.ts';
import { at, commitOf, welcomeFrame } from './testing/simulated-gateway.ts';

type Event = (event: never) => void;

/** A socket that opens at once; the test says what its server says. */
class TestSocket {
  static readonly opened: TestSocket[] = [];
  onopen: Event | null = null;
  onmessage: Event | null = null;
  onclose: Event | null = null;
  onerror: Event | null = null;

  constructor() {
    TestSocket.opened.push(this);
    queueMicrotask(() => this.onopen?.({} as never));
  }

  send(): void {}

  close(): void {}

  say(...frames: unknown[]): void {
    for (const frame of frames) this.onmessage?.({ data: JSON.stringify(frame) } as never);
  }

  end(code: number): void {
    this.onclose?.({ code, reason: '' } as never);
  }
}

interface Setting {
  token?: () => Promise<string> | string;
  WebSocket?: SocketConstructor;
}

/** A subscription that is iterated, what it gave and what ended it. */
function subscribed({ token = () => 't', WebSocket = TestSocket }: Setting, options: SubscribeOptions = {}) {
  const subscription = new Subscription({ gateway: 'ws://parley.test', token, WebSocket }, options);
  const items: unknown[] = [];
  const ended = (async () => {
    for await (const item of subscription) items.push(item);
  })().catch((error: unknown) => error);
  return { subscription, items, ended };
}

const newest = (): TestSocket | undefined => TestSocket.opened.at(-1);
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => {
  vi.useFakeTimers();
  TestSocket.opened.length = 0;
});

afterEach(() => {
  vi.useRealTimers();
});

test('a save that fails leaves the position at the last item that was handed out', async () => {
  const fault = new Error('no disk');
  const save = ({ position }: { position: string }): void => {
    if (position === at(3)) throw fault;
  };
  const { subscription, items, ended } = subscribed({}, { since: at(1), store: { load: () => null, save } });
  await pass(0);
  newest()?.say(welcomeFrame(at(1)), { t: 'commits', items: [commitOf(2, 'c', 1), commitOf(3, 'c', 2)] });
  expect(await ended).toBe(fault);
  expect(items).toMatchObject([{ position: at(2) }]);
  expect(subscription.position).toBe(at(2));
});

test('a token that never comes is given up and asked for again', async () => {
  const never = new Promise<string>(() => undefined);
  const tokens = [never, 't'];
  const { subscription } = subscribed({ token: () => tokens.shift() ?? 't' });
  await pass(60_000);
  expect(TestSocket.opened.length).toBeGreaterThan(0);
  subscription.close();
});

test('a clock that is set back while it waits does not keep it away', async () => {
  const { subscription } = subscribed({});
  await pass(0);
  newest()?.say(welcomeFrame(at(1)), { t: 'live', position: at(1) });
  newest()?.end(1006);
  vi.setSystemTime(Date.now() - 3_600_000);
  await pass(30_000);
  expect(TestSocket.opened.length).toBeGreaterThan(1);
  subscription.close();
});

test('a socket that the platform does not open is a failed attempt, made again later', async () => {
  let refused = 0;
  class Forbidden extends TestSocket {
    constructor() {
      if (refused < 3) {
        refused++;
        throw new DOMException('not now', 'SecurityError');
      }
      super();
    }
  }
  const { subscription } = subscribed({ WebSocket: Forbidden });
  await pass(30_000);
  expect([refused, TestSocket.opened.length > 0]).toEqual([3, true]);
  subscription.close();
});

test('a gateway whose URL is none ends it with that', async () => {
  class Strict extends TestSocket {
    constructor(url: string) {
      if (url !== '') throw new DOMException(`${url} is no URL`, 'SyntaxError');
      super();
    }
  }
  const { ended } = subscribed({ WebSocket: Strict });
  await pass(0);
  expect(await ended).toMatchObject({
    code: 'invalid-request',
    detail: expect.stringContaining('ws://parley.test is no URL'),
  });
});

test('who has too many connections is told what to do', async () => {
  const { ended } = subscribed({});
  await pass(0);
  newest()?.end(4504);
  expect(await ended).toMatchObject({
    code: 'connection-closed',
    status: 4504,
    detail: expect.stringContaining('close another'),
  });
});

test('a platform without WebSocket is told where it is asked for', () => {
  vi.stubGlobal('WebSocket', undefined);
  const urls = {
    commandApi: 'http://parley.test',
    readApi: 'http://parley.test',
    gateway: 'ws://parley.test',
  };
  const client = createClient({ ...urls, token: () => 't' });
  expect(() => client.subscribe()).toThrow(expect.objectContaining({ code: 'unsupported' }));
  vi.unstubAllGlobals();
});
