import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createClient } from './client.ts';

const never = (): Promise<never> => new Promise(() => undefined);
const EPOCH = '00000000-0000-4000-8000-000000000001';
const accepted = () => new Response(JSON.stringify({ position: `${EPOCH}:3` }));

function clientWith(options: { token?: () => Promise<string> | string; fetch?: () => Promise<Response> }) {
  const at = { commandApi: 'http://parley.test', readApi: 'http://parley.test', gateway: 'ws://parley.test' };
  const { token = () => 't', fetch = async () => accepted() } = options;
  return createClient({ ...at, token, fetch });
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

/** Whether it is settled after so much time, and how. */
async function afterTime(ms: number, promise: Promise<unknown>): Promise<unknown> {
  let outcome: unknown = 'hangs';
  promise.then(
    (value) => {
      outcome = value;
    },
    (error: unknown) => {
      outcome = error;
    },
  );
  await vi.advanceTimersByTimeAsync(ms);
  return outcome;
}

test('the longest time holds when the token never comes', async () => {
  const command = clientWith({ token: never }).join('room', { timeoutMs: 2_000 });
  expect(await afterTime(2_000, command)).toMatchObject({ code: 'network' });
});

test('the longest time holds when fetch does not listen to its signal', async () => {
  const command = clientWith({ fetch: never }).join('room', { timeoutMs: 2_000 });
  expect(await afterTime(2_000, command)).toMatchObject({ code: 'network' });
});

test('a signal ends what waits for a token, with its reason', async () => {
  const stop = new AbortController();
  const command = clientWith({ token: never }).join('room', { signal: stop.signal });
  expect(await afterTime(100, command)).toBe('hangs');
  stop.abort('no longer wanted');
  expect(await afterTime(0, command)).toBe('no longer wanted');
});

test('a clock that is set back prolongs nothing', async () => {
  const command = clientWith({ token: never }).join('room', { timeoutMs: 20_000 });
  void afterTime(0, command);
  vi.setSystemTime(Date.now() - 3_600_000);
  expect(await afterTime(40_000, command)).toMatchObject({ code: 'network' });
});

test('the outbox gives up a token that never comes, and sends with the next one', async () => {
  let token: () => Promise<string> | string = never;
  const client = clientWith({ token: () => token() });
  const { settled } = client.outbox.send('message.send', { conversationId: 'room', body: 'a' });
  expect(await afterTime(20_000, settled)).toBe('hangs');
  expect(client.outbox.entries).toMatchObject([{ fault: { code: 'network' } }]);
  token = () => 't';
  expect(await afterTime(60_000, settled)).toMatchObject({ position: `${EPOCH}:3` });
});

test.each([
  [403, '<html>captive portal</html>'],
  [404, 'no such route'],
  [408, ''],
  [400, '{"code":"E_PROXY"}'],
  [400, '{"code":400}'],
  [200, '<html>sign in</html>'],
])(
  '%i and %j of something on the way is no answer: it is sent again, and none overtakes it',
  async (status, body) => {
    const bodies: unknown[] = [];
    let online = false;
    const client = clientWith({
      fetch: async (...[, init]: Parameters<typeof globalThis.fetch> | []) => {
        if (!online) return new Response(body, { status });
        bodies.push(JSON.parse(String(init?.body)).body);
        return accepted();
      },
    });
    const send = (text: string) =>
      client.outbox.send('message.send', { conversationId: 'room', body: text }).settled;
    const sent = Promise.all([send('first'), send('second')]);
    await vi.advanceTimersByTimeAsync(10);
    expect(client.outbox.entries).toMatchObject([
      { fault: { code: 'network', status: 0 } },
      { state: 'queued', fault: null },
    ]);
    online = true;
    client.outbox.online();
    await sent;
    expect(bodies).toEqual(['first', 'second']);
  },
);

/** Of Parley's when it has a problem, else of something on the way. */
function later(status: number, retryAfter: string, problem?: Record<string, unknown>): Response {
  const body = problem ? JSON.stringify({ status, title: 'later', ...problem }) : 'later';
  return new Response(body, { status, headers: { 'retry-after': retryAfter } });
}

function sendingAfter(refused: () => Response) {
  let attempts = 0;
  const client = clientWith({ fetch: async () => (attempts++ === 0 ? refused() : accepted()) });
  const { settled } = client.outbox.send('message.send', { conversationId: 'room', body: 'a' });
  return { client, settled, attempts: () => attempts };
}

test.each([
  ['60', {}],
  ['1', { retryAfterMs: 60_000 }],
])("Parley's Retry-After of %s s, with %j, is waited for", async (header, extras) => {
  const { client, settled } = sendingAfter(() => later(429, header, { code: 'rate-limited', ...extras }));
  await vi.advanceTimersByTimeAsync(10);
  client.outbox.online();
  expect(await afterTime(50_000, settled)).toBe('hangs');
  expect(await afterTime(20_000, settled)).toMatchObject({ position: `${EPOCH}:3` });
});

test.each([429, 503])('%i of something on the way does not say for how long it is waited', async (status) => {
  const { settled } = sendingAfter(() => later(status, '86400'));
  expect(await afterTime(30_000, settled)).toMatchObject({ position: `${EPOCH}:3` });
});

test('a command is put off for five minutes at most, and the time that was told is still to be had', async () => {
  const slow = () => later(429, '86400', { code: 'slow-mode', retryAfterMs: 86_400_000 });
  const { settled } = sendingAfter(slow);
  expect(await afterTime(290_000, settled)).toBe('hangs');
  expect(await afterTime(60_000, settled)).toMatchObject({ position: `${EPOCH}:3` });
  const refused = clientWith({ fetch: async () => slow() }).join('room', { timeoutMs: 1_000 });
  expect(await afterTime(1_000, refused)).toMatchObject({ code: 'slow-mode', retryAfterMs: 86_400_000 });
});

test.each(['"soon"', '-5', '1e999', 'null', '{}'])('a pause of %s is none', async (retryAfterMs) => {
  const body = `{"code":"unavailable","title":"","status":503,"retryAfterMs":${retryAfterMs}}`;
  const { settled, attempts } = sendingAfter(() => new Response(body, { status: 503 }));
  expect(await afterTime(1_000, settled)).toMatchObject({ position: `${EPOCH}:3` });
  expect(attempts()).toBe(2);
});

test('a request is made where AbortSignal has neither any nor timeout', async () => {
  vi.stubGlobal('AbortSignal', undefined);
  const stop = new AbortController();
  const answer = await clientWith({}).join('room', { signal: stop.signal });
  vi.unstubAllGlobals();
  expect(answer).toMatchObject({ position: `${EPOCH}:3` });
});
