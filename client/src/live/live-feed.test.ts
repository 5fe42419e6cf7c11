import type { ServerFrame } from '@parley/contracts';
import { afterEach, expect, test, vi } from 'vitest';
import { type ClientOptions, createClient } from '../client.ts';
import type { SocketLike } from '../connection.ts';
import { at, commitOf, welcomeFrame } from '../testing/simulated-gateway.ts';
import { LiveFeed } from './live-feed.ts';

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const me = { asOf: at(5), user: { userId: 'ann' }, preferences: { unarchiveOnMessage: true } };

function feedOf(options: Partial<ClientOptions>, item: () => void = () => undefined) {
  const addresses = { commandApi: 'http://none', readApi: 'http://none', gateway: 'ws://none' };
  const fetch = async () => Response.json(me);
  const client = createClient({ ...addresses, token: () => 'token', fetch, ...options });
  const nothing = (): void => undefined;
  const changed = vi.fn();
  const feed = new LiveFeed({ client, presence: 'active', item, typing: nothing, seen: nothing, changed });
  return { feed, changed };
}

/** Says what a gateway says when all is well, and then one commit. */
class Talking implements SocketLike {
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;

  constructor() {
    queueMicrotask(() => this.onopen?.({} as never));
  }

  send(text: string): void {
    if (JSON.parse(text).t !== 'hello') return;
    const commits: ServerFrame = { t: 'commits', items: [commitOf(6, 'room', 1)] };
    for (const frame of [welcomeFrame(at(5)), { t: 'live', position: at(5) }, commits]) {
      queueMicrotask(() => this.onmessage?.({ data: JSON.stringify(frame) } as never));
    }
  }

  close(): void {}
}

test('a server that refuses to say who the user is, is asked with growing pauses, and why is told until it does', async () => {
  vi.useFakeTimers();
  vi.spyOn(Math, 'random').mockReturnValue(1);
  const started = Date.now();
  const asked: number[] = [];
  let isRefused = true;
  const fetch = async () => {
    asked.push((Date.now() - started) / 1_000);
    if (!isRefused) return Response.json(me);
    return Response.json({ code: 'unauthenticated', title: 'no', status: 401 }, { status: 401 });
  };
  const { feed, changed } = feedOf({ fetch, WebSocket: Talking });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toEqual([0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5, 51.5]);
  expect([feed.state, feed.error?.code]).toEqual(['loading', 'unauthenticated']);
  expect(changed).toHaveBeenCalled();
  isRefused = false;
  await vi.advanceTimersByTimeAsync(20_000);
  expect([feed.state, feed.error]).toEqual(['fresh', null]);
  feed.stop();
});

test('what is thrown while a commit is taken is told, and what is shown is no longer called fresh', async () => {
  const fault = new TypeError('no such field');
  const { feed, changed } = feedOf({ WebSocket: Talking }, () => {
    throw fault;
  });
  await expect.poll(() => feed.error?.cause).toBe(fault);
  expect([feed.state, feed.error?.code, feed.error?.detail]).toEqual(['stale', 'internal', 'no such field']);
  expect(changed).toHaveBeenCalled();
  feed.stop();
});

test('a platform without WebSocket is told', async () => {
  vi.stubGlobal('WebSocket', undefined);
  const { feed } = feedOf({});
  await expect.poll(() => feed.error?.message).toContain('WebSocket');
  expect(feed.state).toBe('loading');
  feed.stop();
});

test('what is loaded after something was followed must have it, though a follow moves no position', async () => {
  const conversation = '0190a000-0000-7000-8000-000000000001';
  class Following extends Talking {
    override send(text: string): void {
      super.send(text);
      const frame = JSON.parse(text);
      if (frame.t !== 'sub') return;
      const answers: ServerFrame[] = [
        { t: 'sub-ok', id: frame.id, conversation, from: 0, head: 1 },
        { t: 'sub-commits', conversation, items: [commitOf(9, conversation, 1)] },
      ];
      for (const answer of answers)
        queueMicrotask(() => this.onmessage?.({ data: JSON.stringify(answer) } as never));
    }
  }
  const taken = vi.fn();
  const { feed } = feedOf({ WebSocket: Following }, taken);
  await expect.poll(() => feed.minPosition).toBe(at(6));
  feed.subscription?.follow(conversation, 0);
  await expect.poll(() => feed.minPosition).toBe(at(9));
  expect(feed.subscription?.position).toBe(at(6));
  feed.stop();
});
