import { setTimeout as after } from 'node:timers/promises';
import { createClient, type ParleyClient } from '@parley/client';
import type { LocalServer } from '@parley/deploy/testing';
import { vi } from 'vitest';
import type { Backend } from './backend.ts';
import type { CuttableNetwork } from './cuttable-network.ts';
import { DropClient } from './drop-client.ts';
import { compareWithLog, type DropReport, readTruth } from './drop-report.ts';

const PATIENCE = { timeout: 120_000, interval: 100 };
const PEOPLE_PER_ROOM = 100;
const ROOMS_PER_CLIENT = 2;

export interface DropPlan {
  clients: number;
  /** Users who only follow a public channel, besides the clients. */
  visitors: number;
  /** Messages a second, over all rooms, sent at this rate whether or not they are answered. */
  rate: number;
  /** At least; it goes on until all faults have been and gone. */
  seconds: number;
  /** The network is cut every `everyMs` for `downMs`. */
  everyMs: number;
  downMs: number;
  /** What else goes wrong, one after the other, evenly over the time. */
  faults?: readonly (() => Promise<unknown>)[];
}

interface Rig {
  backend: Backend;
  replicas: 1 | 3;
  commandApi: LocalServer;
  readApi: LocalServer;
  network: CuttableNetwork;
}

/** Clients listen while messages are sent and the network breaks; then what each was given is held against the log. */
export async function runDrop(rig: Rig, plan: DropPlan): Promise<DropReport> {
  const cutBefore = rig.network.cutConnections;
  const sender = await clientOf(rig, 'sender');
  const members = Array.from({ length: plan.clients }, (_, index) => `listener-${index}`);
  const visitors = Array.from({ length: plan.visitors }, (_, index) => `visitor-${index}`);
  const rooms = await createRooms(sender, members);
  if (plan.visitors > 0) rooms.set(await createChannel(sender), visitors);
  const since = sender.ownPosition ?? '';
  const clients = [
    ...(await openClients(rig, { users: members, rooms, since, visits: false })),
    ...(await openClients(rig, { users: visitors, rooms, since, visits: true })),
  ];
  try {
    await vi.waitUntil(() => clients.every((client) => client.fresh), PATIENCE);
    const over = new AbortController();
    const breaking = breakNetwork(rig.network, plan, over.signal);
    const faulty = new AbortController();
    const failing = runFaults(plan).finally(() => faulty.abort());
    const sending = sendAll(sender, [...rooms.keys()], { plan, whole: faulty.signal });
    const [accepted] = await Promise.all([sending, failing]);
    over.abort();
    await breaking;
    const truth = await readTruth(rig, [...rooms.keys()]);
    const end = Math.max(...[...truth.values()].flat().map((event) => event.sequence));
    const newest = (room: string): number => truth.get(room)?.at(-1)?.version ?? 1;
    const done = (client: DropClient): boolean =>
      client.reached >= end && client.rooms.every((room) => client.has(room, newest(room)));
    // What has not come by then is counted as lost.
    await vi.waitUntil(() => clients.every(done), PATIENCE).catch(() => undefined);
    const cutConnections = rig.network.cutConnections - cutBefore;
    return compareWithLog(clients, { truth, accepted, cutConnections });
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
}

async function clientOf({ backend, commandApi, readApi }: Rig, userId: string): Promise<ParleyClient> {
  const token = await backend.token(userId);
  return createClient({
    commandApi: commandApi.url,
    readApi: readApi.url,
    gateway: 'ws://unused',
    token: () => token,
  });
}

/** Each client is in two rooms, and each room has at most a hundred of them: receipts go round as well. */
async function createRooms(sender: ParleyClient, members: readonly string[]): Promise<Map<string, string[]>> {
  const count = Math.max(2, Math.ceil((members.length * ROOMS_PER_CLIENT) / PEOPLE_PER_ROOM));
  const rooms = new Map<string, string[]>();
  for (let room = 0; room < count; room++) {
    const inside = members.filter((_, index) => index % count === room || (index + 1) % count === room);
    const { result } = await sender.createConversation({
      type: 'group',
      title: `Room ${room}`,
      members: inside.map((userId) => ({ userId })),
    });
    rooms.set(result.conversationId, inside);
  }
  return rooms;
}

async function createChannel(sender: ParleyClient): Promise<string> {
  const { result } = await sender.createConversation({ type: 'channel', title: 'Plaza' });
  return result.conversationId;
}

async function openClients(
  { backend, commandApi, readApi, network }: Rig,
  options: { users: readonly string[]; rooms: Map<string, string[]>; since: string; visits: boolean },
): Promise<DropClient[]> {
  const urls = network.ports.map((port) => `ws://127.0.0.1:${port}/v1/socket`);
  const { users, rooms, since, visits } = options;
  const tokens = await Promise.all(users.map((userId) => backend.token(userId)));
  return users.map((userId, index) => {
    const own = [...rooms].filter(([, inside]) => inside.includes(userId)).map(([room]) => room);
    const token = tokens[index] ?? '';
    const addresses = { commandApi: commandApi.url, readApi: readApi.url };
    return new DropClient({ userId, rooms: own, visits, token, since, urls, first: index, ...addresses });
  });
}

/** Cuts and heals until it is told to stop, and leaves the network whole. */
async function breakNetwork(network: CuttableNetwork, plan: DropPlan, over: AbortSignal): Promise<void> {
  const wait = (ms: number): Promise<unknown> =>
    after(ms, undefined, { signal: over }).catch(() => undefined);
  while (!over.aborted) {
    await wait(plan.everyMs - plan.downMs);
    if (over.aborted) break;
    network.cut();
    await wait(plan.downMs);
    network.heal();
  }
}

async function runFaults({ faults = [], seconds }: DropPlan): Promise<void> {
  const pause = (seconds * 1_000) / (faults.length + 1);
  const start = Date.now();
  for (const [index, fault] of faults.entries()) {
    await after(Math.max(0, start + (index + 1) * pause - Date.now()));
    await fault();
  }
}

/** Sends at the rate, waits for no answer in between, and gives the ids of the messages once all are accepted. */
async function sendAll(
  sender: ParleyClient,
  rooms: readonly string[],
  { plan: { rate, seconds }, whole }: { plan: DropPlan; whole: AbortSignal },
): Promise<string[]> {
  const start = Date.now();
  const answers: Promise<string>[] = [];
  while (answers.length < rate * seconds || !whole.aborted) {
    const due = Math.floor(((Date.now() - start) / 1_000) * rate);
    for (let n = answers.length; n < due; n++) {
      const room = rooms[n % rooms.length] ?? '';
      const options = { timeoutMs: PATIENCE.timeout };
      answers.push(sender.send(room, `message ${n}`, options).then(({ result }) => result.messageId));
    }
    await after(1_000 / rate);
  }
  return Promise.all(answers);
}
