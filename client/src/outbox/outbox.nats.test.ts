import { uuidv7 } from 'uuidv7';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { createClient, type ParleyClient } from '../client.ts';
import type { SocketConstructor } from '../connection.ts';
import { CuttableProxy } from '../testing/cuttable-proxy.ts';
import { type Services, startServices } from '../testing/services.ts';
import type { OutboxEntry } from './outbox-state.ts';
import type { OutboxStore } from './stored-entries.ts';

/** Services are killed and started here: on a busy machine that takes a while, and nothing measures it. */
const PATIENCE_MS = 120_000;
vi.setConfig({ testTimeout: PATIENCE_MS });

let services: Services;
let commandPath: CuttableProxy;
let socketPath: CuttableProxy;
const opened: ParleyClient[] = [];

beforeAll(async () => {
  services = await startServices();
  commandPath = await CuttableProxy.to(services.commandApi.port);
  socketPath = await CuttableProxy.to(services.gateway.port);
}, PATIENCE_MS);

afterEach(() => {
  commandPath.refuse(false);
  commandPath.loseAnswers(0);
  for (const client of opened.splice(0)) client.outbox.close();
});

afterAll(async () => {
  await Promise.all([commandPath?.stop(), socketPath?.stop()]);
  await services?.stop();
});

/** Each a process of its own, as far as the services can tell. */
function clientOf(userId: string, outboxStore?: OutboxStore): ParleyClient {
  const client = createClient({
    commandApi: `http://127.0.0.1:${commandPath.port}`,
    readApi: `http://127.0.0.1:${services.readApi.port}`,
    gateway: `ws://127.0.0.1:${socketPath.port}/v1/socket`,
    token: async () => (await services.issuer.signer.sign({ sub: userId })).token,
    WebSocket: WebSocket as unknown as SocketConstructor,
    ...(outboxStore && { outboxStore }),
  });
  opened.push(client);
  return client;
}

/** What a page would keep in its storage. */
class TextStore implements OutboxStore {
  text = '[]';

  load(): OutboxEntry[] {
    return JSON.parse(this.text);
  }

  async save(entries: readonly OutboxEntry[]): Promise<void> {
    const text = JSON.stringify(entries);
    await Promise.resolve();
    this.text = text;
  }
}

async function roomOf(client: ParleyClient, ...userIds: string[]): Promise<string> {
  const members = userIds.map((userId) => ({ userId }));
  const { result } = await client.createConversation({ type: 'group', title: 'A room', members });
  return result.conversationId;
}

async function bodiesIn(client: ParleyClient, room: string): Promise<(string | null)[]> {
  const { items } = await client.messages(room, { limit: 100 }, { timeoutMs: PATIENCE_MS });
  return items.map((message) => message.body ?? null);
}

const said = (room: string, count: number): string[] =>
  Array.from({ length: count }, (_, n) => `${room} ${n}`);
const empty = (client: ParleyClient) =>
  expect.poll(() => client.outbox.entries, { timeout: PATIENCE_MS }).toEqual([]);

test('what is written without a network is sent in its order once there is one', async () => {
  const ann = clientOf('ann');
  const rooms = [await roomOf(ann), await roomOf(ann)];
  commandPath.refuse(true);
  const sent = rooms.flatMap((room) =>
    said(room, 10).map((body) => ann.outbox.send('message.send', { conversationId: room, body })),
  );
  await expect.poll(() => ann.outbox.entries[0]?.fault?.code, { timeout: PATIENCE_MS }).toBe('network');
  expect(ann.outbox.entries).toHaveLength(20);
  commandPath.refuse(false);
  const answers = await Promise.all(sent.map(({ settled }) => settled));
  expect(answers.map((answer) => answer.commandId)).toEqual(sent.map(({ key }) => key));
  expect(ann.outbox.entries).toEqual([]);
  for (const room of rooms) expect(await bodiesIn(ann, room)).toEqual(said(room, 10));
});

test('wherever the network is cut and whatever answers are lost, each message is there once and in order', async () => {
  const ann = clientOf('ann');
  const rooms = [await roomOf(ann), await roomOf(ann), await roomOf(ann)];
  const sent = rooms.flatMap((room) =>
    said(room, 25).map((body) => ann.outbox.send('message.send', { conversationId: room, body })),
  );
  let settled = 0;
  for (const { settled: answer } of sent) {
    void answer.then(() => {
      settled++;
      if (settled % 5 === 1) commandPath.loseAnswers(2);
      if (settled % 7 === 3) commandPath.cut();
      if (settled % 20 === 9) ann.outbox.online();
    });
  }
  await Promise.all(sent.map(({ settled: answer }) => answer));
  for (const room of rooms) expect(await bodiesIn(ann, room)).toEqual(said(room, 25));
});

test('the death of the command API costs nothing', async () => {
  const ann = clientOf('ann');
  const room = await roomOf(ann);
  const sent = said(room, 30).map((body) => ann.outbox.send('message.send', { conversationId: room, body }));
  await sent[3]?.settled;
  await services.commandApi.restart();
  await Promise.all(sent.map(({ settled }) => settled));
  expect(await bodiesIn(ann, room)).toEqual(said(room, 30));
});

test('the application may end and start again at any moment with the same store', async () => {
  const room = await roomOf(clientOf('ann'));
  const store = new TextStore();
  let ann = clientOf('ann', store);
  for (const [n, body] of said(room, 24).entries()) {
    ann.outbox.send('message.send', { conversationId: room, body });
    const stored = () =>
      store.text.includes(body) ||
      ann.outbox.entries.every(({ data }) => !('body' in data) || data.body !== body);
    await expect.poll(stored, { timeout: PATIENCE_MS, interval: 1 }).toBe(true);
    if (n % 4 === 1) commandPath.loseAnswers(1);
    if (n % 6 !== 5) continue;
    ann.outbox.close();
    ann = clientOf('ann', store);
  }
  await empty(ann);
  await expect.poll(() => store.text, { timeout: PATIENCE_MS }).toBe('[]');
  expect(await bodiesIn(ann, room)).toEqual(said(room, 24));
});

test('a refusal is shown with its code and the others go on; it can be tried again or given up', async () => {
  const [ann, bob] = [clientOf('ann'), clientOf('bob')];
  const [closed, open] = [await roomOf(ann), await roomOf(bob)];
  const key = uuidv7();
  await bob.send(open, 'first', { key });
  const refused = [
    bob.outbox.send('message.send', { conversationId: closed, body: 'let me in' }),
    bob.outbox.send('message.send', { conversationId: open, body: '' }),
    bob.outbox.send('message.send', { conversationId: open, body: 'not what it was' }, { key }),
    bob.outbox.send('members.set-role', { conversationId: open, userId: 'bob', role: 'member' }),
  ];
  const fine = bob.outbox.send('message.send', { conversationId: open, body: 'after' });
  await fine.settled;
  const codes = ['not-found', 'invalid-request', 'idempotency-conflict', 'last-owner'];
  for (const [n, code] of codes.entries()) await expect(refused[n]?.settled).rejects.toMatchObject({ code });
  expect(bob.outbox.entries.map(({ state, fault }) => [state, fault?.code])).toEqual(
    codes.map((code) => ['refused', code]),
  );
  expect(bob.outbox.entries[1]?.fault?.errors).toMatchObject([{ path: 'body' }]);

  await ann.command('members.add', { conversationId: closed, members: [{ userId: 'bob' }] });
  const [first, ...others] = bob.outbox.entries;
  expect(await bob.outbox.retry(first?.key ?? '')?.settled).toMatchObject({ commandId: first?.key });
  expect(others.map((entry) => bob.outbox.discard(entry.key))).toEqual([true, true, true]);
  expect(bob.outbox.entries).toEqual([]);
  expect(await bodiesIn(bob, closed)).toEqual(['let me in']);
  expect(await bodiesIn(bob, open)).toEqual(['first', 'after']);
});

test('who has to wait is waited for: slow mode holds up its conversation and no other', async () => {
  const [ann, bob] = [clientOf('ann'), clientOf('bob')];
  const [slow, other] = [await roomOf(ann, 'bob'), await roomOf(ann, 'bob')];
  await ann.command('conversation.update', { conversationId: slow, settings: { slowModeSeconds: 2 } });
  const sent = said(slow, 3).map((body) => bob.outbox.send('message.send', { conversationId: slow, body }));
  await sent[0]?.settled;
  await bob.outbox.send('message.send', { conversationId: other, body: 'meanwhile' }).settled;
  expect(bob.outbox.entries.map(({ key }) => key)).toEqual(sent.slice(1).map(({ key }) => key));
  await expect.poll(() => bob.outbox.entries[0]?.fault?.code, { timeout: PATIENCE_MS }).toBe('slow-mode');
  await Promise.all(sent.map(({ settled }) => settled));
  expect(await bodiesIn(bob, slow)).toEqual(said(slow, 3));
});

test('the event of a command settles it though every answer is lost', async () => {
  const ann = clientOf('ann');
  const room = await roomOf(ann);
  const subscription = ann.subscribe({ since: ann.ownPosition });
  const reading = (async () => {
    for await (const item of subscription) if (item.kind === 'reset') return;
  })();
  await expect.poll(() => subscription.state, { timeout: PATIENCE_MS }).toBe('fresh');
  commandPath.loseAnswers(1_000_000);
  const sent = said(room, 3).map((body) => ann.outbox.send('message.send', { conversationId: room, body }));
  await empty(ann);
  commandPath.loseAnswers(0);
  for (const { settled } of sent) expect(await settled).toMatchObject({ replayed: true });
  expect(await bodiesIn(ann, room)).toEqual(said(room, 3));
  subscription.close();
  await reading;
});

test('a token that cannot be had is waited for', async () => {
  const room = await roomOf(clientOf('ann'));
  let token = (): Promise<string> => Promise.reject(new Error('signed out'));
  const ann = createClient({
    commandApi: `http://127.0.0.1:${services.commandApi.port}`,
    readApi: `http://127.0.0.1:${services.readApi.port}`,
    gateway: 'ws://127.0.0.1:1',
    token: () => token(),
  });
  opened.push(ann);
  const { settled } = ann.outbox.send('message.send', { conversationId: room, body: 'still here' });
  await expect
    .poll(() => ann.outbox.entries[0]?.fault, { timeout: PATIENCE_MS })
    .toMatchObject({ code: 'network' });
  token = async () => 'not a token';
  ann.outbox.online();
  await expect
    .poll(() => ann.outbox.entries[0]?.fault?.code, { timeout: PATIENCE_MS })
    .toBe('unauthenticated');
  expect(ann.outbox.entries[0]?.state).not.toBe('refused');
  token = async () => (await services.issuer.signer.sign({ sub: 'ann' })).token;
  expect(await settled).toMatchObject({ result: { ordinal: 1 } });
});

test('a store that does not work loses nothing: what it holds is sent once it can be read', async () => {
  const room = await roomOf(clientOf('ann'));
  const store = new TextStore();
  const before = clientOf('ann', store);
  commandPath.refuse(true);
  before.outbox.send('message.send', { conversationId: room, body: 'earlier' });
  await expect.poll(() => store.text, { timeout: PATIENCE_MS }).toContain('earlier');
  before.outbox.close();
  commandPath.refuse(false);
  let works = false;
  const broken: OutboxStore = {
    load: () => (works ? store.load() : Promise.reject(new Error('no disk'))),
    save: (entries) => (works ? store.save(entries) : Promise.reject(new Error('no disk'))),
  };
  const after = clientOf('ann', broken);
  const { settled } = after.outbox.send('message.send', { conversationId: room, body: 'later' });
  await expect
    .poll(() => after.outbox.storeFault, { timeout: PATIENCE_MS })
    .toMatchObject({ message: 'no disk' });
  expect(store.text).toContain('earlier');
  works = true;
  await settled;
  expect(after.outbox.storeFault).toBeNull();
  expect(await bodiesIn(after, room)).toEqual(['earlier', 'later']);
});
