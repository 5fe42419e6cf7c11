import type { CommandAccepted } from '@parley/contracts';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { ParleyError } from '../parley-error.ts';
import { Outbox } from './outbox.ts';
import type { OutboxEntry } from './outbox-state.ts';
import type { OutboxStore } from './stored-entries.ts';

const message = (conversationId: string) => ({ conversationId, body: 'text' });

/** An outbox of which every command is accepted at once, and what it has sent. */
function outboxOver(store?: OutboxStore): { outbox: Outbox; posted: string[] } {
  const posted: string[] = [];
  const post = async ({ key }: OutboxEntry): Promise<CommandAccepted> => {
    posted.push(key);
    return { commandId: key } as CommandAccepted;
  };
  return { outbox: new Outbox({ post, store }), posted };
}

const storeOf = (stored: unknown): OutboxStore => ({
  load: () => stored as OutboxEntry[],
  save: () => undefined,
});

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

test('a stored entry without data is refused and shown, the others are sent', async () => {
  const good = { key: 'good', type: 'message.send', data: message('room'), state: 'sending', fault: null };
  const { outbox, posted } = outboxOver(storeOf([{ ...good, key: 'bad', data: null }, good]));
  const later = outbox.send('message.send', message('room'), { key: 'later' });
  await later.settled;
  expect(posted).toEqual(['good', 'later']);
  expect(outbox.entries).toMatchObject([
    { key: 'bad', data: {}, state: 'refused', fault: { code: 'invalid-request' } },
  ]);
  expect(outbox.storeFault).toBeNull();
  expect(outbox.discard('bad')).toBe(true);
});

test.each([
  ['an entry that is none', [null, 7, { key: 5 }]],
  ['something that is no list', { key: 'k' }],
])('%s in the store is told with what it was, and the others are sent', async (_, stored) => {
  const { outbox } = outboxOver(storeOf(stored));
  await outbox.send('message.send', message('room')).settled;
  expect(outbox.storeFault).toMatchObject({ cause: Array.isArray(stored) ? stored : [stored] });
});

test('a stored entry of which only the state is lost is sent', async () => {
  const { outbox, posted } = outboxOver(
    storeOf([{ key: 'a', type: 'message.send', data: message('room'), state: 'lost', fault: 'none' }]),
  );
  await vi.advanceTimersByTimeAsync(0);
  expect([posted, outbox.entries]).toEqual([['a'], []]);
});

test('a save that does not end is told, holds up nothing, and no other begins before its end', async () => {
  let saves = 0;
  let end = (): void => undefined;
  const save = (): Promise<void> => {
    saves++;
    return new Promise((resolve) => {
      end = resolve;
    });
  };
  const { outbox, posted } = outboxOver({ load: () => [], save });
  outbox.send('message.send', message('room'), { key: 'a' });
  await vi.advanceTimersByTimeAsync(60_000);
  outbox.send('message.send', message('room'), { key: 'b' });
  await vi.advanceTimersByTimeAsync(0);
  expect([posted, saves]).toEqual([['a', 'b'], 1]);
  expect(outbox.storeFault).toBeInstanceOf(Error);
  end();
  await vi.advanceTimersByTimeAsync(0);
  expect([saves, outbox.storeFault]).toEqual([2, null]);
});

test('a load that does not end is told and begun again, and what it then brings goes first', async () => {
  let loads = 0;
  const earlier = { key: 'a', type: 'message.send', data: message('room'), state: 'queued', fault: null };
  const load = (): Promise<OutboxEntry[]> => {
    loads++;
    return loads === 1 ? new Promise(() => undefined) : Promise.resolve([earlier as OutboxEntry]);
  };
  const { outbox, posted } = outboxOver({ load, save: () => undefined });
  const { settled } = outbox.send('message.send', message('room'), { key: 'b' });
  await vi.advanceTimersByTimeAsync(10_500);
  expect([posted, outbox.storeFault instanceof Error]).toEqual([[], true]);
  await vi.advanceTimersByTimeAsync(10_000);
  await settled;
  expect([posted, outbox.storeFault]).toEqual([['a', 'b'], null]);
});

test('what is sent after the end is rejected', async () => {
  const { outbox, posted } = outboxOver();
  outbox.close();
  const { settled } = outbox.send('message.send', message('room'));
  await expect(settled).rejects.toMatchObject({ code: 'connection-closed' });
  expect(posted).toEqual([]);
});

test('what was refused does not count as waiting: after a thousand refusals others can be sent', async () => {
  const post = async (): Promise<CommandAccepted> => {
    throw new ParleyError({ code: 'forbidden', status: 403, detail: '' });
  };
  const outbox = new Outbox({ post });
  for (let n = 0; n < 1_000; n++) outbox.send('message.send', message(`room ${n}`));
  expect(() => outbox.send('message.send', message('room'))).toThrow(
    expect.objectContaining({ code: 'limit-reached' }),
  );
  await vi.waitFor(() => expect(outbox.entries.every(({ state }) => state === 'refused')).toBe(true));
  const { key, settled } = outbox.send('message.send', message('room'));
  await expect(settled).rejects.toMatchObject({ code: 'forbidden' });
  expect(outbox.entries).toHaveLength(1_000);
  expect(outbox.entries.at(-1)?.key).toBe(key);
});

test('whatever pause a server asks for, no timer is so long that the platform makes it a short one', async () => {
  const spy = vi.spyOn(globalThis, 'setTimeout');
  onTestFinished(() => spy.mockRestore());
  const post = async (): Promise<CommandAccepted> => {
    throw new ParleyError({ code: 'unavailable', status: 503, detail: '', retryAfterMs: 2 ** 40 });
  };
  const outbox = new Outbox({ post });
  outbox.send('message.send', message('room'));
  await vi.advanceTimersByTimeAsync(1_000);
  const delays = spy.mock.calls.map(([, ms]) => ms ?? 0);
  expect(delays.length).toBeGreaterThan(0);
  expect(delays.filter((ms) => ms >= 2 ** 31)).toEqual([]);
  outbox.close();
});

test('a listener that throws does not cost the others their update', async () => {
  const thrown: unknown[] = [];
  const handlers = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => thrown.push(error));
  onTestFinished(() => {
    process.removeAllListeners('uncaughtException');
    for (const handler of handlers) process.on('uncaughtException', handler);
  });
  const { outbox } = outboxOver();
  const fault = new Error('of the application');
  outbox.listen(() => {
    throw fault;
  });
  const heard = vi.fn();
  outbox.listen(heard);
  const end = outbox.listen(() => end());
  await outbox.send('message.send', message('room')).settled;
  vi.useRealTimers();
  await vi.waitFor(() => expect([thrown[0], heard.mock.calls.length > 0]).toEqual([fault, true]));
});
