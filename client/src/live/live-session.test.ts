import type { ServerFrame } from '@parley/contracts';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { createClient } from '../client.ts';
import type { SocketLike } from '../connection.ts';
import { at, welcomeFrame } from '../testing/simulated-gateway.ts';
import { LiveSession } from './live-session.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

const ROOM = '0190a000-0000-7000-8000-000000000001';
const me = { asOf: at(5), user: { userId: 'ann' }, preferences: { unarchiveOnMessage: true } };

/** Of a gateway that says, as soon as it is live, that bob types. */
function sessionWhereBobTypesFor(ttlMs: number): LiveSession {
  class Gateway implements SocketLike {
    onopen: ((event: never) => void) | null = null;
    onmessage: ((event: never) => void) | null = null;
    onclose: ((event: never) => void) | null = null;
    onerror: ((event: never) => void) | null = null;

    constructor() {
      queueMicrotask(() => this.onopen?.({} as never));
    }

    send(text: string): void {
      if (JSON.parse(text).t !== 'hello') return;
      const typing: ServerFrame = { t: 'typing', conversation: ROOM, user: 'bob', on: true, ttlMs };
      for (const frame of [welcomeFrame(at(5)), { t: 'live', position: at(5) }, typing]) {
        queueMicrotask(() => this.onmessage?.({ data: JSON.stringify(frame) } as never));
      }
    }

    close(): void {}
  }
  const addresses = { commandApi: 'http://none', readApi: 'http://none', gateway: 'ws://none' };
  const fetch = async () => Response.json(me);
  const client = createClient({ ...addresses, token: () => 'token', fetch, WebSocket: Gateway });
  const session = new LiveSession(client, 'active', () => undefined);
  onTestFinished(() => session.stop());
  return session;
}

test('a clock that is set back lets nobody type for ever', async () => {
  const session = sessionWhereBobTypesFor(6_000);
  await vi.advanceTimersByTimeAsync(100);
  expect(session.typersIn(ROOM)).toEqual(['bob']);
  vi.setSystemTime(Date.now() - 3_600_000);
  await vi.advanceTimersByTimeAsync(7_000);
  expect(session.typersIn(ROOM)).toEqual([]);
});

test('a notice that holds for longer than a timer can be costs no timers', async () => {
  const session = sessionWhereBobTypesFor(2 ** 40);
  const spy = vi.spyOn(globalThis, 'setTimeout');
  onTestFinished(() => spy.mockRestore());
  await vi.advanceTimersByTimeAsync(100);
  expect(session.typersIn(ROOM)).toEqual(['bob']);
  expect(spy.mock.calls.filter(([, ms]) => (ms ?? 0) >= 2 ** 31)).toEqual([]);
});
