import type { SeenPresence } from '@parley/contracts';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { createClient, type ParleyClient } from './client.ts';
import type { SocketConstructor } from './connection.ts';
import type { SubscriptionItem, TypingSignal } from './connection-model.ts';
import type { SubscribeOptions, Subscription } from './subscription.ts';
import { CuttableProxy } from './testing/cuttable-proxy.ts';
import { type Services, startServices } from './testing/services.ts';
import { spanOf } from './version-track.ts';

/** Services are killed and started here: on a busy machine that takes a while, and nothing measures it. */
const PATIENCE_MS = 120_000;
vi.setConfig({ testTimeout: PATIENCE_MS });

let services: Services;
let socketPath: CuttableProxy;
const readers: Reader[] = [];

beforeAll(async () => {
  services = await startServices();
  socketPath = await CuttableProxy.to(services.gateway.port);
}, PATIENCE_MS);

afterEach(async () => {
  for (const reader of readers.splice(0)) await reader.close();
});

afterAll(async () => {
  await socketPath?.stop();
  await services?.stop();
});

function clientOf(userId: string, device?: string): ParleyClient {
  return createClient({
    commandApi: `http://127.0.0.1:${services.commandApi.port}`,
    readApi: `http://127.0.0.1:${services.readApi.port}`,
    gateway: `ws://127.0.0.1:${socketPath.port}/v1/socket`,
    token: async () => (await services.issuer.signer.sign({ sub: userId })).token,
    WebSocket: WebSocket as unknown as SocketConstructor,
    ...(device !== undefined && { device }),
  });
}

/** Reads a subscription and keeps what came. */
class Reader {
  readonly items: SubscriptionItem[] = [];
  readonly typing: TypingSignal[] = [];
  readonly seen = new Map<string, SeenPresence>();
  readonly subscription: Subscription;
  fault: unknown = null;
  readonly #reading: Promise<void>;

  constructor(client: ParleyClient, options: SubscribeOptions = {}) {
    this.subscription = client.subscribe({
      ...options,
      onTyping: (signal) => this.typing.push(signal),
      onPresence: (seen) => {
        for (const each of seen) this.seen.set(each.user, each);
      },
    });
    this.#reading = this.#read();
    readers.push(this);
  }

  async #read(): Promise<void> {
    try {
      for await (const item of this.subscription) this.items.push(item);
    } catch (error) {
      this.fault = error;
    }
  }

  async live(): Promise<this> {
    await expect.poll(() => this.subscription.state, { timeout: PATIENCE_MS }).toBe('fresh');
    return this;
  }

  async until(condition: () => boolean): Promise<void> {
    await expect.poll(condition, { timeout: PATIENCE_MS, interval: 10 }).toBe(true);
  }

  kinds(): string[] {
    return this.items.map((item) => item.kind);
  }

  /** First and last version of each commit of a conversation, in the order in which they came. */
  versions(conversation: string): number[] {
    return this.items.flatMap((item) => {
      const span = item.kind === 'commit' || item.kind === 'followed' ? spanOf(item.commit) : null;
      return span?.conversation === conversation ? [span.first, span.last] : [];
    });
  }

  async close(): Promise<void> {
    this.subscription.close();
    await this.#reading;
  }
}

async function channelOf(client: ParleyClient, ...userIds: string[]): Promise<string> {
  const members = userIds.map((userId) => ({ userId }));
  const { result } = await client.createConversation({ type: 'channel', title: 'News', members });
  return result.conversationId;
}

/** Whether the versions are those from `from` to `to`, each once and in order. */
function areDense(versions: readonly number[], from: number, to: number): boolean {
  let next = from;
  for (let n = 0; n < versions.length; n += 2) {
    if (versions[n] !== next) return false;
    next = (versions[n + 1] ?? 0) + 1;
  }
  return next === to + 1;
}

describe('following', () => {
  test('brings what was written before and then what is, once and in order, over cuts and dead gateways', async () => {
    const [ann, vic] = [clientOf('ann'), clientOf('vic')];
    const channel = await channelOf(ann);
    for (let n = 0; n < 20; n++) await ann.send(channel, `before ${n}`);
    await vic.conversation(channel, { minPosition: ann.ownPosition });
    const reader = new Reader(vic);
    reader.subscription.follow(channel, 0);
    await reader.until(() => reader.kinds().includes('follow-live'));
    let last = 0;
    for (let n = 0; n < 60; n++) {
      last = (await ann.send(channel, `after ${n}`)).version;
      if (n % 12 === 5) socketPath.cut();
      if (n === 30) await services.gateway.restart();
    }
    await reader.until(() => reader.versions(channel).at(-1) === last);
    expect(areDense(reader.versions(channel), 1, last)).toBe(true);
    expect(reader.kinds()).toContain('commit');
    expect(reader.kinds()).not.toContain('reset');
    reader.subscription.unfollow(channel);
    reader.subscription.follow(channel, last);
    const next = await ann.send(channel, 'once more');
    await reader.until(() => reader.versions(channel).at(-1) === next.version);
    expect(areDense(reader.versions(channel), 1, next.version)).toBe(true);
  });

  test('of what one may not see is refused, and the others go on', async () => {
    const [ann, vic] = [clientOf('ann'), clientOf('vic')];
    const { result } = await ann.createConversation({ type: 'group', title: 'Closed' });
    const channel = await channelOf(ann);
    await vic.conversation(channel, { minPosition: ann.ownPosition });
    const reader = await new Reader(vic).live();
    reader.subscription.follow(result.conversationId, 'head');
    reader.subscription.follow(channel, 'head');
    await reader.until(() => reader.items.length === 2);
    expect(reader.items).toContainEqual(
      expect.objectContaining({
        kind: 'follow-refused',
        conversation: result.conversationId,
        code: 'not-found',
      }),
    );
    expect(reader.items).toContainEqual(
      expect.objectContaining({ kind: 'follow-live', conversation: channel, version: 1 }),
    );
  });

  test('ends with a ban, and goes on by itself when the visitor joins', async () => {
    const [ann, vic, wim] = [clientOf('ann'), clientOf('vic'), clientOf('wim')];
    const channel = await channelOf(ann);
    for (const visitor of [vic, wim]) await visitor.conversation(channel, { minPosition: ann.ownPosition });
    const [banned, joining] = [await new Reader(vic).live(), await new Reader(wim).live()];
    for (const reader of [banned, joining]) {
      reader.subscription.follow(channel, 1);
      await reader.until(() => reader.kinds().includes('follow-live'));
    }
    await wim.join(channel);
    await ann.command('members.ban', { conversationId: channel, userId: 'vic' });
    const { version } = await ann.send(channel, 'just us');
    await joining.until(() => joining.versions(channel).at(-1) === version);
    expect(areDense(joining.versions(channel), 2, version)).toBe(true);
    expect(joining.kinds().filter((kind) => kind === 'reset' || kind === 'revoked')).toEqual([]);
    await banned.until(() => banned.kinds().includes('revoked'));
    expect(banned.items.at(-1)).toMatchObject({ conversation: channel, reason: 'banned' });
  });

  test('is all that a bot gets, and a version that was never there is a reset of that one', async () => {
    const [ann, bot] = [clientOf('ann'), clientOf('bot')];
    const [quiet, loud] = [await channelOf(ann, 'bot'), await channelOf(ann, 'bot')];
    await bot.conversation(loud, { minPosition: ann.ownPosition });
    const reader = await new Reader(bot, { feed: 'none' }).live();
    reader.subscription.follow(loud, 0);
    await reader.until(() => reader.kinds().includes('follow-live'));
    await ann.send(quiet, 'not for the bot');
    const { version } = await ann.send(loud, 'for the bot');
    await reader.until(() => reader.versions(loud).at(-1) === version);
    expect(areDense(reader.versions(loud), 1, version)).toBe(true);
    expect(reader.versions(quiet)).toEqual([]);
    reader.subscription.follow(loud, 10_000);
    await reader.until(() => reader.kinds().includes('reset'));
    expect(reader.items.find((item) => item.kind === 'reset')).toMatchObject({ conversation: loud });
    const again = await ann.send(loud, 'and on');
    await reader.until(() => reader.versions(loud).at(-1) === again.version);
  });
});

describe('presence and typing', () => {
  test('who is watched is seen as they are, also after the connection was lost', async () => {
    const [ann, bob] = [clientOf('pia'), clientOf('quin')];
    const watcher = new Reader(ann);
    watcher.subscription.watch(['quin', 'nobody']);
    await watcher.until(() => watcher.seen.get('quin')?.state === 'offline');
    expect(watcher.seen.get('nobody')).toMatchObject({ state: 'offline' });
    const shown = await new Reader(bob, { presence: 'away' }).live();
    await watcher.until(() => watcher.seen.get('quin')?.state === 'away');
    shown.subscription.setPresence('dnd');
    await watcher.until(() => watcher.seen.get('quin')?.state === 'dnd');
    watcher.seen.clear();
    socketPath.cut();
    await watcher.until(() => watcher.seen.get('quin')?.state === 'dnd');
    shown.subscription.setPresence('invisible');
    await watcher.until(() => watcher.seen.get('quin')?.state === 'offline');
  });

  test('members are told who types, the typer is not', async () => {
    const [ann, bob] = [clientOf('ria'), clientOf('sam')];
    const room = await channelOf(ann, 'sam');
    await bob.conversation(room, { minPosition: ann.ownPosition });
    const [typer, reader] = [await new Reader(ann).live(), await new Reader(bob).live()];
    typer.subscription.typing(room, true);
    await reader.until(() => reader.typing.length === 1);
    expect(reader.typing[0]).toMatchObject({ conversation: room, user: 'ria', on: true });
    typer.subscription.typing(room, false);
    await reader.until(() => reader.typing.length === 2);
    expect(reader.typing[1]).toMatchObject({ on: false });
    expect(typer.typing).toEqual([]);
  });
});

test('a newer connection of the same device ends the older one for good', async () => {
  const older = await new Reader(clientOf('tom', 'phone')).live();
  const other = await new Reader(clientOf('tom', 'desk')).live();
  const newer = await new Reader(clientOf('tom', 'phone')).live();
  await older.until(() => older.fault !== null);
  expect(older.fault).toMatchObject({ code: 'connection-closed', status: 4010 });
  expect([other.fault, newer.fault]).toEqual([null, null]);
});

test('what is no frame is refused where it is asked for, and the connection lives', async () => {
  const reader = await new Reader(clientOf('una')).live();
  const { subscription } = reader;
  const manyLongNames = Array.from({ length: 200 }, (_, n) => `${n}`.padStart(120, 'x'));
  for (const wrong of [
    () => subscription.follow('general', 0),
    () => subscription.follow('0198c0de-0000-7000-8000-000000000001', -1),
    () => subscription.typing('', true),
    () => subscription.watch(Array.from({ length: 201 }, (_, n) => `user-${n}`)),
    () => subscription.watch(manyLongNames),
    () => subscription.setPresence('asleep' as 'away'),
  ]) {
    expect(wrong).toThrow(expect.objectContaining({ code: 'invalid-request' }));
  }
  expect([subscription.state, reader.fault]).toEqual(['fresh', null]);
});
