import { createClient, type ParleyClient } from '@parley/client';
import type { CommandInput, CommandType } from '@parley/contracts';
import { formatPosition, parsePosition } from '@parley/contracts';
import type { LocalServer } from '@parley/deploy/testing';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { askJetStream } from '../testing/ask-jetstream.ts';
import { type Backend, startBackend } from '../testing/backend.ts';
import { Listener } from '../testing/listener.ts';

const OTHER_EPOCH = '00000000-0000-4000-8000-000000000000';
const ONE = 1;

let backend: Backend;
let olga: ParleyClient;
let epoch = '';
/** `warm` holds all of the log in memory, `cold` was started at the end of the history and holds nothing of it. */
const nodes = new Map<string, LocalServer>();
/** Every commit of the rooms, in log order. */
const ledger: { sequence: number; room: string }[] = [];
/** From which commit on somebody may see a room. */
const sight = new Map<string, Map<string, number>>();
const room = { attic: '', hall: '', cellar: '', commons: '' };
/** The ends of parts of the history, by name. */
const at: Record<string, number> = {};
const listeners: Listener[] = [];

async function order<T extends CommandType>(type: T, data: CommandInput<T>, by = olga) {
  const { position, result } = await by.command(type, data);
  const parsed = parsePosition(position);
  epoch = parsed?.epoch ?? '';
  const sequence = parsed?.sequence ?? 0;
  const conversationId = 'conversationId' in data ? String(data.conversationId) : '';
  const created = 'conversationId' in result ? String(result.conversationId) : '';
  ledger.push({ sequence, room: created || conversationId });
  return { sequence, created };
}

const head = (): number => ledger.at(-1)?.sequence ?? 0;
const sees = (user: string, id: string, from: number): void => {
  sight.set(user, (sight.get(user) ?? new Map()).set(id, from));
};
const seesNothingOf = (user: string, id: string): boolean | undefined => sight.get(user)?.delete(id);

async function create(members: readonly string[]): Promise<string> {
  const who = members.map((userId) => ({ userId }));
  const { created, sequence } = await order('conversation.create', { type: 'group', members: who });
  for (const user of ['olga', ...members]) sees(user, created, sequence);
  return created;
}

async function say(id: string, count: number): Promise<void> {
  for (let n = 1; n <= count; n++) await order('message.send', { conversationId: id, body: `message ${n}` });
}

async function clientOf(userId: string, commandApi: LocalServer): Promise<ParleyClient> {
  const token = await backend.token(userId);
  return createClient({ commandApi: commandApi.url, readApi: '', gateway: '', token: () => token });
}

/** The story: everybody is in the hall and the commons, then some go, one comes back, and the cellar is deleted. */
async function writeHistory(commandApi: LocalServer): Promise<void> {
  const everybody = ['mia', 'zoe', 'rex', 'ben', 'lee'];
  room.attic = await create(['mia']);
  await say(room.attic, 5);
  at.attic = head();
  room.commons = await create(everybody);
  room.hall = await create(everybody);
  room.cellar = await create(['mia']);
  await say(room.hall, 5);
  await say(room.cellar, 3);
  at.together = head();
  const inHall = { conversationId: room.hall };
  await order('conversation.leave', inHall, await clientOf('zoe', commandApi));
  await order('conversation.leave', inHall, await clientOf('lee', commandApi));
  await order('members.remove', { ...inHall, userIds: ['rex'] });
  await order('members.ban', { ...inHall, userId: 'ben' });
  await order('conversation.delete', { conversationId: room.cellar });
  at.apart = head();
  await say(room.hall, 5);
  const back = await order('members.add', { ...inHall, members: [{ userId: 'zoe' }] });
  await say(room.hall, 5);
  for (const user of ['rex', 'ben', 'lee']) seesNothingOf(user, room.hall);
  for (const user of ['mia', 'olga']) seesNothingOf(user, room.cellar);
  sees('zoe', room.hall, back.sequence);
}

beforeAll(async () => {
  backend = await startBackend();
  await backend.start('projector');
  const [commandApi, warm] = await Promise.all([
    backend.start('command-api'),
    backend.start('realtime-gateway'),
  ]);
  olga = await clientOf('olga', commandApi);
  await writeHistory(commandApi);
  nodes.set('warm', warm);
  nodes.set('cold', await backend.start('realtime-gateway', { GATEWAY_WARM_COMMITS: '0' }));
});
afterEach(() => {
  for (const listener of listeners.splice(0)) listener.drop();
});
afterAll(() => backend?.stop());

async function resume(node: string, userId: string, since: string): Promise<Listener> {
  const gateway = nodes.get(node);
  if (!gateway) throw new Error(`no such node: ${node}`);
  const listener = await Listener.open(gateway, { token: await backend.token(userId), since });
  listeners.push(listener);
  await listener.live();
  return listener;
}

function visible(userId: string, after: number): number[] {
  const from = sight.get(userId);
  const seen = ledger.filter(({ sequence, room: id }) => {
    return sequence > after && sequence >= (from?.get(id) ?? Number.POSITIVE_INFINITY);
  });
  return [...new Set(seen.map(({ sequence }) => sequence))];
}

/** After whatever it was, the socket is live: the hall's news comes to its members, that of the commons to all. */
async function expectLive(listener: Listener, userId: string): Promise<void> {
  const before = head();
  await say(room.hall, 1);
  await say(room.commons, 1);
  await listener.until(() => listener.sequences().includes(head()));
  expect(listener.sequences().filter((sequence) => sequence > before)).toEqual(visible(userId, before));
}

const starts: [string, string, () => number][] = [
  ['before the first commit', 'mia', () => 0],
  ['sequence 1', 'mia', () => ONE],
  ['the middle', 'mia', () => at.together ?? 0],
  ['the head', 'mia', head],
  ['before leaving, by one who came back', 'zoe', () => at.together ?? 0],
  ['between leaving and coming back', 'zoe', () => at.apart ?? 0],
  ['sequence 1, by one who was removed', 'rex', () => ONE],
  ['after the removal', 'rex', () => at.apart ?? 0],
  ['sequence 1, by one who was banned', 'ben', () => ONE],
  ['sequence 1, by one who left', 'lee', () => ONE],
  ['sequence 1, by one who never was anywhere', 'nobody', () => ONE],
];

const everywhere = ['warm', 'cold'].flatMap((node) => starts.map((start) => [node, ...start] as const));

test.each(everywhere)(
  'on a %s node, from %s, %s gets exactly what follows',
  async (node, _, userId, from) => {
    const after = from();
    const listener = await resume(node, userId, formatPosition(epoch, after));
    expect(listener.of('reset')).toEqual([]);
    expect(listener.of('welcome')).toMatchObject([
      { user: userId, epoch, resumed: true, position: formatPosition(epoch, after) },
    ]);
    expect(listener.sequences()).toEqual(visible(userId, after));
    if (userId !== 'nobody') await expectLive(listener, userId);
  },
);

const departures: [string, string, () => string, string][] = [
  ['removed', 'rex', () => room.hall, 'removed'],
  ['banned', 'ben', () => room.hall, 'banned'],
  ['gone of their own will', 'lee', () => room.hall, 'left'],
  ['there when it was deleted', 'mia', () => room.cellar, 'deleted'],
];

test.each(['warm', 'cold'].flatMap((node) => departures.map((each) => [node, ...each] as const)))(
  'a %s node tells one who was %s once: %s',
  async (node, _, userId, of, reason) => {
    const told = await resume(node, userId, formatPosition(epoch, at.together ?? 0));
    expect(told.of('revoked')).toEqual([{ t: 'revoked', conversation: of(), reason }]);
    const again = await resume(node, userId, formatPosition(epoch, at.apart ?? 0));
    expect(again.of('revoked')).toEqual([]);
  },
);

test.each(['warm', 'cold'])('a %s node takes nobody back for gone', async (node) => {
  const listener = await resume(node, 'zoe', formatPosition(epoch, at.together ?? 0));
  expect(listener.of('revoked')).toEqual([]);
});

const unknown: [string, () => string, string][] = [
  ['the future', () => formatPosition(epoch, head() + 1_000), 'unknown-position'],
  ['another log', () => formatPosition(OTHER_EPOCH, 3), 'epoch'],
];

test.each(['warm', 'cold'].flatMap((node) => unknown.map((each) => [node, ...each] as const)))(
  'on a %s node, a position of %s is reset and goes on from the head',
  async (node, _, since, reason) => {
    const listener = await resume(node, 'mia', since());
    expect(listener.of('welcome')).toMatchObject([{ resumed: false }]);
    expect(listener.of('reset')).toEqual([{ t: 'reset', reason, position: formatPosition(epoch, head()) }]);
    expect(listener.sequences()).toEqual([]);
    await expectLive(listener, 'mia');
  },
);

test('when the log has lost its beginning, who has not seen it is reset unless the node remembers', async () => {
  const first = (at.attic ?? 0) + 1;
  await askJetStream(backend.natsUrl, 'STREAM.PURGE.EVT', { seq: first });
  const started = await backend.start('realtime-gateway', { GATEWAY_WARM_COMMITS: '0' });
  nodes.set('started', started);
  const remembered = await resume('warm', 'mia', formatPosition(epoch, ONE));
  expect(remembered.sequences()).toEqual(visible('mia', ONE));
  expect(remembered.of('reset')).toEqual([]);
  for (const since of [0, ONE, first - 2]) {
    const listener = await resume('started', 'mia', formatPosition(epoch, since));
    expect(listener.of('reset')).toMatchObject([
      { reason: 'retention', position: formatPosition(epoch, head()) },
    ]);
    expect(listener.sequences()).toEqual([]);
    await expectLive(listener, 'mia');
  }
  const whole = await resume('started', 'mia', formatPosition(epoch, first - 1));
  expect(whole.of('reset')).toEqual([]);
  expect(whole.sequences()).toEqual(visible('mia', first - 1));
});
