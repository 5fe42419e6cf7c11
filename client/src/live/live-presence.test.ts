import type { SeenPresence } from '@parley/contracts';
import { expect, test } from 'vitest';
import { createClient } from '../client.ts';
import type { SocketConstructor, SocketLike } from '../connection.ts';
import { LiveFollows } from './live-follows.ts';
import { LivePresence, type Presences } from './live-presence.ts';

class Unconnected implements SocketLike {
  onopen = null;
  onmessage = null;
  onclose = null;
  onerror = null;
  send(): void {}
  close(): void {}
}

/** Keeps what it is asked for; it is not started. */
function subscription() {
  const WebSocket: SocketConstructor = Unconnected;
  const addresses = { commandApi: 'http://none', readApi: 'http://none', gateway: 'ws://none' };
  return createClient({ ...addresses, token: () => 'none', WebSocket }).subscribe();
}

const statesOf = (presences: Presences) => [...presences.values()].map(({ state }) => state);
const active = (user: string): SeenPresence => ({ user, state: 'active' });

test('nobody is seen while there is no connection, before it is said anew', () => {
  const presence = new LivePresence();
  presence.watch(['ann', 'bob'], subscription());
  presence.take([active('ann')]);
  const before = presence.of(['ann', 'bob'], new Map());
  expect(statesOf(before)).toEqual(['active', 'unknown']);
  presence.lost();
  const lost = presence.of(['ann', 'bob'], before);
  expect(statesOf(lost)).toEqual(['unknown', 'unknown']);
  expect(presence.of(['ann', 'bob'], lost)).toBe(lost);
});

test('of too many the first are watched, and of the others nothing is known', () => {
  const presence = new LivePresence();
  const kept = Array.from({ length: 200 }, (_, n) => `a${n}`);
  const socket = subscription();
  presence.watch(kept, socket);
  presence.take(kept.map(active));
  const before = presence.of(['a0', 'a199'], new Map());
  presence.watch(['zoe', ...kept], socket);
  presence.take([active('zoe')]);
  expect(statesOf(presence.of(['zoe'], new Map()))).toEqual(['active']);
  expect(statesOf(presence.of(['a0', 'a199'], before))).toEqual(['active', 'unknown']);
});

test('what is followed is not live on a new connection before that says so', () => {
  const follows = new LiveFollows();
  const channel = '00000000-0000-7000-8000-000000000001';
  const live = { kind: 'follow-live', position: '', conversation: channel, version: 3 } as const;
  follows.become(new Map([[channel, 3]]), subscription());
  expect(follows.isLive(channel)).toBe(false);
  follows.take(live);
  expect(follows.isLive(channel)).toBe(true);
  follows.lost();
  expect([follows.has(channel), follows.isLive(channel)]).toEqual([true, false]);
  follows.take(live);
  expect(follows.isLive(channel)).toBe(true);
});
