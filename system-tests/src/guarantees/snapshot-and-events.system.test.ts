import {
  applyToConversation,
  type ConversationModel,
  conversationModel,
  createClient,
  type ParleyClient,
  type Viewer,
} from '@parley/client';
import { type ConversationAnswer, parsePosition, SERVICE_SCOPE } from '@parley/contracts';
import { createLogger, type OpenLog, openEventLog } from '@parley/runtime';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { type Backend, startBackend } from '../testing/backend.ts';
import { newWorld, type Player, play } from '../testing/play.ts';
import { stepsArbitrary, USERS } from '../testing/random-commands.ts';

/** Printed with a failure: SNAPSHOT_SEED=<it> plays the same again. */
const SEED = Number(process.env.SNAPSHOT_SEED ?? Math.trunc(Math.random() * 1e9));
const DAYS = Number(process.env.SNAPSHOT_DAYS ?? 3);
const STEPS = 150;

let backend: Backend;
let player: Player;
let opened: OpenLog;
let addresses: { commandApi: string; readApi: string; gateway: string };

beforeAll(async () => {
  backend = await startBackend();
  await backend.start('projector');
  const [commands, queries, gateway] = await Promise.all([
    backend.start('command-api'),
    backend.start('read-api'),
    backend.start('realtime-gateway'),
  ]);
  const service = (await backend.issuer.signer.sign({ sub: 'notifier', scopes: [SERVICE_SCOPE] })).token;
  player = { commands, service, token: (userId) => backend.token(userId) };
  addresses = {
    commandApi: commands.url,
    readApi: queries.url,
    gateway: `${gateway.url.replace('http', 'ws')}/v1/socket`,
  };
  const logger = createLogger({ name: 'test', level: 'silent' });
  opened = await openEventLog({ natsUrl: backend.natsUrl, replicas: 1, name: 'test', logger });
});
afterAll(async () => {
  await opened?.close();
  await backend?.stop();
});

const head = async (): Promise<string> => `${opened.log.epoch}:${(await opened.log.bounds()).last}`;

interface Watched {
  userId: string;
  client: ParleyClient;
  viewer: Viewer;
  models: Map<string, ConversationModel | null>;
  since: string;
}

/** Every conversation of a user as the read API has it now. */
async function snapshot(userId: string, minPosition: string): Promise<Watched> {
  const token = await backend.token(userId);
  const client = createClient({ ...addresses, token: () => token, WebSocket: WebSocket as never });
  const options = { minPosition };
  const { preferences } = await client.query('me', {}, options);
  const models = new Map<string, ConversationModel | null>();
  let since = minPosition;
  for (const filter of ['all', 'archived'] as const) {
    const { items } = await client.query('inbox', { query: { filter, limit: 200 } }, options);
    for (const { conversation, me } of items) {
      if (me.role === null) continue;
      const answer = await client.query(
        'conversation',
        { params: { conversationId: conversation.id } },
        options,
      );
      if ((parsePosition(answer.asOf)?.sequence ?? 0) < (parsePosition(since)?.sequence ?? 0))
        since = answer.asOf;
      models.set(conversation.id, conversationModel(answer));
    }
  }
  const viewer = { userId, unarchiveOnMessage: preferences.unarchiveOnMessage };
  return { userId, client, viewer, models, since };
}

/** Applies what the gateway sends after the snapshot, up to a position. */
async function follow(watched: Watched, until: string): Promise<number> {
  let commits = 0;
  const last = parsePosition(until)?.sequence ?? 0;
  const subscription = watched.client.subscribe({ since: watched.since });
  for await (const item of subscription) {
    if (item.kind === 'reset') throw new Error(`reset: ${item.reason}`);
    if (item.kind === 'revoked') watched.models.set(item.conversation, null);
    if (item.kind === 'commit') {
      if (item.commit.seq > last) break;
      commits += 1;
      for (const [id, model] of watched.models) {
        if (model) watched.models.set(id, applyToConversation(model, item.commit, watched.viewer));
      }
    }
    if (reached(subscription.position, last)) break;
  }
  return commits;
}

const reached = (position: string | null, last: number): boolean =>
  (parsePosition(position ?? '')?.sequence ?? 0) >= last;

/** What both say, without what the model knows that it does not know. */
function comparable(answer: ConversationAnswer, stale: ConversationModel['stale']): unknown {
  const { conversation, me } = answer;
  const unknown = new Set<string>(stale);
  return {
    conversation: { ...conversation, ...(unknown.has('lastMessage') && { lastMessage: null }) },
    me: me && Object.fromEntries(Object.entries(me).filter(([name]) => !unknown.has(name))),
  };
}

test(`a snapshot and the events after it are what a fresh snapshot says (seed ${SEED})`, async () => {
  let compared = 0;
  let exact = 0;
  for (const steps of fc.sample(stepsArbitrary(STEPS), { numRuns: DAYS, seed: SEED })) {
    const world = await newWorld(player);
    await play(player, steps.slice(0, STEPS / 2), world);
    const middle = await head();
    const watchers = await Promise.all(USERS.map((userId) => snapshot(userId, middle)));
    // Preferences decide how events are read: they stay as they were in the snapshot.
    const rest = steps.slice(STEPS / 2).filter(({ kind }) => kind !== 'preferences');
    await play(player, rest, world);
    const end = await head();
    for (const watched of watchers) {
      // A commit that this user is shown, after all others: there the subscription ends.
      const last = await watched.client.command('user.set-profile', { statusText: `done at ${end}` });
      await follow(watched, last.position);
      for (const [id, model] of watched.models) {
        const request = { params: { conversationId: id } };
        const fresh = await watched.client
          .query('conversation', request, { minPosition: end })
          .catch(() => null);
        if (model === null) {
          expect(fresh?.me?.role ?? null, `${watched.userId} in ${id}`).toBeNull();
          continue;
        }
        expect(fresh, `${watched.userId} in ${id}`).not.toBeNull();
        if (!fresh || model.stale.includes('conversation')) continue;
        expect(comparable(model.answer, model.stale), `${watched.userId} in ${id}`).toEqual(
          comparable(fresh, model.stale),
        );
        compared += 1;
        if (model.stale.length === 0) exact += 1;
      }
    }
  }
  expect(compared).toBeGreaterThan(DAYS * 5);
  expect(exact).toBeGreaterThan(DAYS * 2);
});
