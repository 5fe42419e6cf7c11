/**
 * idle: what 10,000 authenticated sockets that say nothing cost a gateway in memory.
 *
 * Method. A fresh process for every run. 2,000 sockets are opened from two processes and greeted, 8,000 more after them.
 * After both steps garbage is collected until nothing more is given back (`--expose-gc`, on a signal) and resident memory
 * is read: the difference ÷ 8,000 is what a socket costs. Counting from no socket at all would flatter: what a start leaves
 * behind in a heap, 60 MB more in a gateway than in the floor, takes the first sockets for nothing. Memory of sockets in
 * the kernel belongs to neither. Each socket is another user with a token of their own and two memberships, in 400 groups
 * of 50 members; the gateway has answered each with `live`.
 *
 * Floor. A raw `ws` server that answers the first frame of each socket with `live`.
 *
 * Equal: clients, first frames byte for byte, the way memory is read, Node and its flags. Not equal: the floor keeps
 * nothing for a socket: no user, token, membership, position, heartbeat or presence. The gateway's verified tokens, which it
 * remembers for ten minutes, are in its number.
 */
import { join } from 'node:path';
import { SOCKET_PATH, SUBPROTOCOL } from '@parley/contracts';
import { createLogger, type EventLog, openEventLog } from '@parley/runtime';
import { uuidv7 } from 'uuidv7';
import { openSockets } from './fan-out/open-sockets.ts';
import { Room } from './fan-out/room.ts';
import type { Bench, BenchContext, PreparedBench } from './frame/bench.ts';
import type { Sample, Side } from './frame/interleave.ts';
import { startLogServer } from './frame/nats.ts';
import { requireOpenFiles } from './frame/open-files.ts';
import { serviceEnvironment, startPrivateServers } from './frame/private-servers.ts';
import { projectOnce } from './frame/project-once.ts';
import { startService } from './frame/service.ts';
import type { RatioWish } from './frame/spread.ts';
import { Worker } from './frame/worker.ts';
import type { FloorAddress } from './idle/floor-server.ts';
import { COLLECT_ON_SIGNAL, settledMemory } from './idle/resident-memory.ts';
import { type Person, signPeople } from './send/rooms.ts';

const SOCKETS = 10_000;
const QUICK_SOCKETS = 2_000;
/** The part of the sockets that is open when memory is read first. */
const FIRST_SHARE = 0.2;
const GROUP_MEMBERS = 50;
const MEMBERSHIPS = 2;
/** 5,000 sockets each: one address and port takes 28,000 connections from one source, and no process holds more files. */
const CLIENT_PROCESSES = 2;

export const idleBench: Bench = { name: 'idle', title: 'memory of 10,000 idle sockets', prepare };

const RATIOS: RatioWish[] = [
  { name: 'A/A: floor ÷ floor', of: 'floor again', over: 'floor', measure: 'bytesPerSocket' },
  { name: 'gateway ÷ floor', of: 'gateway', over: 'floor', measure: 'bytesPerSocket', aim: { atMost: 1.3 } },
  { name: 'gateway ÷ floor', of: 'gateway', over: 'floor', measure: 'megabytes' },
];

/** A process to be measured, listening. */
interface Server {
  pid: number;
  url: string;
  subprotocol: string | null;
  stop(): Promise<void>;
}

async function prepare(context: BenchContext): Promise<PreparedBench> {
  const { dir, options, started } = context;
  const { replicas } = options;
  const sockets = options.quick ? QUICK_SOCKETS : SOCKETS;
  requireOpenFiles(sockets);
  const servers = await startPrivateServers(context);
  const nats = started.add(await startLogServer(join(dir, 'nats'), replicas));
  const logger = createLogger({ name: 'bench', level: 'error' });
  const opened = await openEventLog({ natsUrl: nats.url, replicas, name: 'bench', logger });
  started.onStop(() => opened.close());
  const env = serviceEnvironment(servers, { natsUrl: await nats.leaderUrl('EVT'), replicas });
  const people = await signPeople(servers.issuer, sockets);
  await foundGroups(opened.log, people);
  await projectOnce({ dir, env, databaseUrl: servers.postgres.url, members: sockets * MEMBERSHIPS });
  const clients = Array.from({ length: CLIENT_PROCESSES }, (_, index) =>
    started.add(Worker.start('fan-out/receivers.js', { logFile: join(dir, `clients-${index}.log`) })),
  );
  const nodeArguments = [...options.nodeArguments, ...COLLECT_ON_SIGNAL];
  const gateway = async (): Promise<Server> => {
    const service = await startService({ name: 'realtime-gateway', dir, env, nodeArguments });
    const url = `${service.url.replace('http', 'ws')}${SOCKET_PATH}`;
    return { pid: service.pid, url, subprotocol: SUBPROTOCOL, stop: () => service.stop() };
  };
  const floor = async (): Promise<Server> => {
    const worker = Worker.start('idle/floor-server.js', { logFile: join(dir, 'floor.log'), nodeArguments });
    const { url } = await worker.call<FloorAddress>('start');
    return { pid: worker.pid, url, subprotocol: null, stop: () => worker.stop() };
  };
  const greetings = people.map(({ token }) => JSON.stringify({ t: 'hello', token }));
  const side = (name: string, start: () => Promise<Server>): Side => ({
    name,
    run: () => measure(start, clients, greetings),
  });
  return {
    servers: { 'nats-server': nats.version, postgres: servers.postgres.version },
    parameters: {
      replicas,
      sockets,
      clientProcesses: CLIENT_PROCESSES,
      groupMembers: GROUP_MEMBERS,
      memberships: MEMBERSHIPS,
    },
    sides: [side('gateway', gateway), side('floor', floor), side('floor again', floor)],
    ratios: RATIOS,
  };
}

/** Everybody is in as many groups as they are to have memberships, never twice with the same people. */
async function foundGroups(log: EventLog, people: readonly Person[]): Promise<void> {
  const groups = people.length / GROUP_MEMBERS;
  const ids = people.map(({ userId }) => userId);
  const neighbours = Array.from({ length: groups }, (_, group) =>
    ids.slice(group * GROUP_MEMBERS, (group + 1) * GROUP_MEMBERS),
  );
  const strangers = Array.from({ length: groups }, (_, group) =>
    ids.filter((_id, at) => at % groups === group),
  );
  for (const members of [...neighbours, ...strangers]) {
    const room = new Room(members[0] ?? '');
    const payload = room.created(members);
    await log.append({ subject: room.subject, commitId: uuidv7(), payload, expectedLastSequence: 'any' });
  }
}

async function measure(
  start: () => Promise<Server>,
  clients: readonly Worker[],
  greetings: readonly string[],
): Promise<Sample> {
  const server = await start();
  try {
    const { pid, url, subprotocol } = server;
    const open = (some: readonly string[]) =>
      openSockets(clients, 'idle', { url, subprotocol, greetings: [...some], readyText: '"t":"live"' });
    const empty = await settledMemory(pid);
    const first = greetings.length * FIRST_SHARE;
    await open(greetings.slice(0, first));
    const before = await settledMemory(pid);
    const begin = performance.now();
    await open(greetings.slice(first));
    const seconds = (performance.now() - begin) / 1_000;
    const after = await settledMemory(pid);
    const later = greetings.length - first;
    return {
      bytesPerSocket: (after - before) / later,
      emptyMegabytes: empty / 1e6,
      megabytes: after / 1e6,
      openedPerSecond: later / seconds,
    };
  } finally {
    await Promise.all(clients.map((client) => client.call('close', 'idle')));
    await server.stop();
  }
}
