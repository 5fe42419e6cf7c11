import { expect, test } from 'vitest';
import { createClient } from '../client.ts';
import { createLive } from './live.ts';

const nowhere = 'http://127.0.0.1:1';
const client = () =>
  createClient({ commandApi: nowhere, readApi: nowhere, gateway: 'ws://127.0.0.1:1', token: () => 'none' });

test('what somebody listens to is one view, and what nobody listens to is not kept', () => {
  const live = createLive(client());
  const presence = live.presence(['ann', 'bob']);
  expect(live.presence(['ann', 'bob'])).not.toBe(presence);
  const stop = presence.listen(() => undefined);
  expect(live.presence(['bob', 'ann', 'bob'])).toBe(presence);
  stop();
  expect(live.presence(['ann', 'bob'])).toBe(presence);
  live.close();
  expect(live.presence(['ann', 'bob'])).not.toBe(presence);
});

test('a view that ended while somebody listens is the same until they go', () => {
  const live = createLive(client());
  const inbox = live.inbox();
  const stop = inbox.listen(() => undefined);
  live.close();
  expect(live.inbox()).toBe(inbox);
  stop();
  expect(live.inbox()).not.toBe(inbox);
});

test('what is no user is refused where it is watched', () => {
  const live = createLive(client());
  expect(() => live.presence(['ann', ''])).toThrow(expect.objectContaining({ code: 'invalid-request' }));
});

test('users whose ids hold what separates others are other users', () => {
  const live = createLive(client());
  const two = live.presence(['a', 'b']);
  two.listen(() => undefined);
  expect([...live.presence(['a/b']).current.keys()]).toEqual(['a/b']);
  expect([...live.presence(['a","b']).current.keys()]).toEqual(['a","b']);
  live.close();
});
