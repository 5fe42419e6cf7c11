import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { createClient, type ParleyClient } from './client.ts';
import type { SocketConstructor } from './connection.ts';
import type { SubscriptionItem } from './connection-model.ts';
import { ParleyError } from './parley-error.ts';
import type { PositionStore, Subscription } from './subscription.ts';
import { CuttableProxy } from './testing/cuttable-proxy.ts';
import { type Services, startServices } from './testing/services.ts';

/** Services are killed and started here: on a busy machine that takes a while, and nothing measures it. */
const PATIENCE_MS = 120_000;
vi.setConfig({ testTimeout: PATIENCE_MS });

let services: Services;
let commandPath: CuttableProxy;
let readPath: CuttableProxy;
let socketPath: CuttableProxy;

beforeAll(async () => {
  services = await startServices();
  [commandPath, readPath, socketPath] = await Promise.all([
    CuttableProxy.to(services.commandApi.port),
    CuttableProxy.to(services.readApi.port),
    CuttableProxy.to(services.gateway.port),
  ]);
});

afterAll(async () => {
  await Promise.all([commandPath?.stop(), readPath?.stop(), socketPath?.stop()]);
  await services?.stop();
});

function clientOf(userId: string, token?: () => Promise<string>): ParleyClient {
  return createClient({
    commandApi: `http://127.0.0.1:${commandPath.port}`,
    readApi: `http://127.0.0.1:${readPath.port}`,
    gateway: `ws://127.0.0.1:${socketPath.port}/v1/socket`,
    token: token ?? (async () => (await services.issuer.signer.sign({ sub: userId })).token),
    WebSocket: WebSocket as unknown as SocketConstructor,
  });
}

async function roomOf(client: ParleyClient, ...userIds: string[]): Promise<string> {
  const members = userIds.map((userId) => ({ userId }));
  const { result } = await client.createConversation({ type: 'group', title: 'A room', members });
  return result.conversationId;
}

/** Reads until the condition holds; leaves the subscription open. */
async function take(
  items: AsyncIterator<SubscriptionItem>,
  done: (seen: SubscriptionItem[]) => boolean,
): Promise<SubscriptionItem[]> {
  const seen: SubscriptionItem[] = [];
  while (!done(seen)) {
    const next = await items.next();
    if (next.done) break;
    seen.push(next.value);
  }
  return seen;
}

const messagesIn = (items: readonly SubscriptionItem[]): string[] =>
  items.flatMap((item) =>
    item.kind === 'commit'
      ? item.commit.events.flatMap((event) =>
          event.type === 'message.sent' ? [(event.data as { body: string }).body] : [],
        )
      : [],
  );

async function fresh(subscription: Subscription, items: AsyncIterator<SubscriptionItem>) {
  const first = items.next();
  await expect.poll(() => subscription.state, { timeout: PATIENCE_MS }).toBe('fresh');
  return first;
}

describe('commands', () => {
  test('an answer lost on the way is asked for again with the same key: one message', async () => {
    const ann = clientOf('ann');
    const room = await roomOf(ann, 'bob');
    commandPath.loseAnswers(2);
    const sent = await ann.send(room, 'once');
    expect(sent).toMatchObject({ replayed: true, result: { ordinal: 1 } });
    const { items } = await ann.messages(room);
    expect(items.map((message) => message.body)).toEqual(['once']);
  });

  test('the same key gives the same answer', async () => {
    const ann = clientOf('ann');
    const room = await roomOf(ann);
    const key = uuidv7();
    const first = await ann.send(room, 'hello', { key });
    expect(await ann.send(room, 'hello', { key })).toEqual({ ...first, replayed: true });
    await expect(ann.send(room, 'other', { key })).rejects.toMatchObject({
      code: 'idempotency-conflict',
      status: 422,
    });
  });

  test('a refusal is an error with its code and the fields it is about', async () => {
    const ann = clientOf('ann');
    const fault = await ann.send(await roomOf(ann), ' ').catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(ParleyError);
    expect(fault).toMatchObject({ code: 'invalid-request', status: 400, errors: [{ path: 'body' }] });
    await expect(ann.send(uuidv7(), 'x')).rejects.toMatchObject({ code: 'not-found' });
  });

  test('a batch is answered item by item', async () => {
    const ann = clientOf('ann');
    const room = await roomOf(ann);
    const answers = await ann.commands([
      { type: 'message.send', data: { conversationId: room, body: 'one' } },
      { type: 'message.send', data: { conversationId: room, body: '' } },
      { type: 'message.send', data: { conversationId: room, body: 'two' } },
    ]);
    expect(answers.map((answer) => answer.status)).toEqual([200, 400, 200]);
    expect((await ann.messages(room)).items.map((message) => message.body)).toEqual(['one', 'two']);
  });

  test('a service that is away is waited for until the time or the caller ends it', async () => {
    const lost = createClient({
      commandApi: 'http://127.0.0.1:1',
      readApi: 'http://127.0.0.1:1',
      gateway: 'ws://127.0.0.1:1',
      token: () => 'x',
    });
    await expect(lost.unread({ timeoutMs: 300 })).rejects.toMatchObject({ code: 'network', status: 0 });
    const reason = new Error('enough');
    await expect(lost.unread({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  test('a command outlives the death of the command API', async () => {
    const ann = clientOf('ann');
    const room = await roomOf(ann);
    const restarted = services.commandApi.restart();
    const sent = Array.from({ length: 20 }, (_, n) => ann.send(room, `m${n}`, { timeoutMs: PATIENCE_MS }));
    await Promise.all([restarted, ...sent]);
    const { items } = await ann.messages(room, {}, { timeoutMs: PATIENCE_MS });
    expect(items.map((message) => message.body).sort()).toEqual(
      Array.from({ length: 20 }, (_, n) => `m${n}`).sort(),
    );
  });
});

describe('queries', () => {
  test('show what the same client has just written', async () => {
    const [ann, bob] = [clientOf('cal'), clientOf('dee')];
    const room = await roomOf(ann, 'dee');
    for (let n = 1; n <= 5; n++) {
      await ann.send(room, `number ${n}`);
      const page = await ann.messages(room);
      expect(page.items.at(-1)?.body).toBe(`number ${n}`);
    }
    expect(await bob.unread({ minPosition: ann.ownPosition })).toMatchObject({ total: 5, conversations: 1 });
    await bob.read(room, 3);
    expect(await bob.unread()).toMatchObject({ total: 2 });
    expect((await bob.inbox()).items[0]).toMatchObject({
      conversation: { id: room },
      me: { unread: 2, readOrdinal: 3 },
    });
    expect((await bob.conversation(room)).conversation).toMatchObject({ title: 'A room', memberCount: 2 });
    expect((await bob.members(room)).items.map((member) => member.userId).sort()).toEqual(['cal', 'dee']);
  });
});

describe('subscribing', () => {
  test('gives every message once and in order, however often the network and the gateway go', async () => {
    const [ann, bob] = [clientOf('eli'), clientOf('fay')];
    const room = await roomOf(ann, 'fay');
    const subscription = bob.subscribe();
    const items = subscription[Symbol.asyncIterator]();
    const first = fresh(subscription, items);
    await expect.poll(() => subscription.state, { timeout: PATIENCE_MS }).toBe('fresh');
    const bodies = Array.from({ length: 120 }, (_, n) => `message ${n}`);
    const writing = (async () => {
      for (const [n, body] of bodies.entries()) {
        await ann.send(room, body);
        if (n % 15 === 7) socketPath.cut();
        if (n === 60) await services.gateway.restart();
      }
    })();
    const seen = [(await first).value as SubscriptionItem];
    seen.push(...(await take(items, (more) => messagesIn([...seen, ...more]).length >= bodies.length)));
    await writing;
    expect(messagesIn(seen)).toEqual(bodies);
    expect(seen.filter((item) => item.kind === 'reset')).toEqual([]);
    subscription.close();
    expect(subscription.state).toBe('stale');
  });

  test('a store takes each item with its position before it is handed out, and a restart goes on from there', async () => {
    const [ann, bob] = [clientOf('gil'), clientOf('hana')];
    const room = await roomOf(ann, 'hana');
    let position: string | null = ann.ownPosition;
    const stored: SubscriptionItem[] = [];
    const store: PositionStore = {
      load: () => position,
      save(change) {
        position = change.position;
        if (change.item) stored.push(change.item);
      },
    };
    for (let n = 0; n < 10; n++) await ann.send(room, `message ${n}`);
    for (let stop = 0; messagesIn(stored).length < 10; stop++) {
      const subscription = bob.subscribe({ store });
      for await (const item of subscription) {
        expect(stored.at(-1)).toBe(item);
        expect(subscription.position).toBe(item.position);
        if (stored.length % 3 === stop % 3) break;
      }
    }
    expect(messagesIn(stored)).toEqual(Array.from({ length: 10 }, (_, n) => `message ${n}`));
  });

  test('somebody who is removed is told', async () => {
    const [ann, bob] = [clientOf('ida'), clientOf('jon')];
    const room = await roomOf(ann, 'jon');
    const subscription = bob.subscribe({ since: ann.ownPosition });
    const items = subscription[Symbol.asyncIterator]();
    const first = fresh(subscription, items);
    await expect.poll(() => subscription.state, { timeout: PATIENCE_MS }).toBe('fresh');
    await ann.command('members.remove', { conversationId: room, userIds: ['jon'] });
    const seen = [(await first).value as SubscriptionItem];
    seen.push(...(await take(items, (more) => more.some((item) => item.kind === 'revoked'))));
    expect(seen.at(-1)).toMatchObject({ kind: 'revoked', conversation: room, reason: 'removed' });
    subscription.close();
    await expect(bob.send(room, 'still here?')).rejects.toMatchObject({ code: 'not-found' });
  });

  test('a position that the server does not know surfaces as a reset', async () => {
    const bob = clientOf('kay');
    const subscription = bob.subscribe({ since: '00000000-0000-4000-8000-000000000000:5' });
    for await (const item of subscription) {
      expect(item).toMatchObject({ kind: 'reset', reason: 'epoch' });
      break;
    }
    expect(subscription.position).not.toContain('00000000-0000-4000');
  });

  test('ends with an error when the token is refused, and quietly when it is closed', async () => {
    const refused = clientOf('x', async () => 'not a token').subscribe();
    await expect(refused[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 'unauthenticated',
      status: 4500,
    });
    const closed = clientOf('lee').subscribe();
    const next = closed[Symbol.asyncIterator]().next();
    await expect.poll(() => closed.state, { timeout: PATIENCE_MS }).toBe('fresh');
    closed.close();
    expect(await next).toMatchObject({ done: true });
  });
});
