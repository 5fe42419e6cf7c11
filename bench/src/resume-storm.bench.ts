/**
 * resume-storm: 2,000 clients that missed 100 commits each come back at once.
 *
 * Method. 20 groups of 100 members, each with 100 messages that nobody was there for, the groups' commits mixed in the log. The
 * gateway runs and holds the end of the log. Two processes of 1,000 clients each then connect, at most 200 handshakes
 * under way in each, and say `hello` with the position before the messages. A run ends when the last client is live
 * and has its 100 messages, each once and in order; then all leave. Known tokens: the gateway has verified them in a run
 * before (the storm after a cut network). New tokens: it has not (the storm after another gateway's death).
 * Statements are counted in a run of their own, in which Postgres logs each of them.
 *
 * Floor. A raw `ws` server that read the same commits from the log before and holds them by group. For each client it puts the
 * frame together from the commits' bytes and sends it, and `live` after it.
 *
 * Equal: clients, commits' bytes, frames (one of about 70 kB for a client), listen backlog. Not equal: the floor checks
 * no token and no revocation, asks no read model, looks through no other group's commits, knows no versions and no
 * redaction, and paces nothing.
 */
import { join } from 'node:path';
import { formatPosition, SOCKET_PATH, SUBPROTOCOL } from '@parley/contracts';
import { createLogger, type EventLog, openEventLog } from '@parley/runtime';
import { uuidv7 } from 'uuidv7';
import { stampedBody } from './fan-out/marker.ts';
import { Room } from './fan-out/room.ts';
import type { Bench, BenchContext, PreparedBench } from './frame/bench.ts';
import { cpuMicroseconds } from './frame/cpu.ts';
import { inTime } from './frame/in-time.ts';
import type { Sample, Side } from './frame/interleave.ts';
import { percentiles } from './frame/latency.ts';
import { startLogServer } from './frame/nats.ts';
import { requireOpenFiles } from './frame/open-files.ts';
import { serviceEnvironment, startPrivateServers } from './frame/private-servers.ts';
import { projectOnce } from './frame/project-once.ts';
import { startService } from './frame/service.ts';
import type { RatioWish } from './frame/spread.ts';
import { Worker } from './frame/worker.ts';
import type { StormOrder, StormReport } from './resume-storm/clients.ts';
import { countStatements } from './resume-storm/count-statements.ts';
import type { FloorGreeting, FloorOrder } from './resume-storm/floor-server.ts';
import { type Person, signPeople } from './send/rooms.ts';

const CLIENTS = 2_000;
const GROUP_MEMBERS = 100;
const MISSED = 100;
const CLIENT_PROCESSES = 2;
const BODY_BYTES = 100;
const DEADLINE_MS = 60_000;

export const resumeStormBench: Bench = {
  name: 'resume-storm',
  title: '2,000 clients resume at once, 100 missed commits each',
  prepare,
};

const RATIOS: RatioWish[] = [
  { name: 'A/A: floor ÷ floor', of: 'floor again', over: 'floor', measure: 'seconds' },
  { name: 'known tokens ÷ floor', of: 'known tokens', over: 'floor', measure: 'seconds', aim: { atMost: 2 } },
  { name: 'new tokens ÷ floor', of: 'new tokens', over: 'floor', measure: 'seconds' },
  { name: 'known tokens ÷ floor', of: 'known tokens', over: 'floor', measure: 'serverCpuUs' },
  {
    name: 'statements ÷ one a client',
    of: 'statements',
    over: 'one a client',
    measure: 'perClient',
    aim: { atMost: 1 },
  },
];

interface Target {
  pid: number;
  url: string;
  subprotocol: string | null;
  greetings(): Promise<string[]>;
}

async function prepare(context: BenchContext): Promise<PreparedBench> {
  const { dir, options, started } = context;
  const { replicas, nodeArguments } = options;
  requireOpenFiles(CLIENTS);
  const servers = await startPrivateServers(context);
  const nats = started.add(await startLogServer(join(dir, 'nats'), replicas));
  const logger = createLogger({ name: 'bench', level: 'error' });
  const opened = await openEventLog({ natsUrl: nats.url, replicas, name: 'bench', logger });
  started.onStop(() => opened.close());
  const natsUrl = await nats.leaderUrl('EVT');
  const env = serviceEnvironment(servers, { natsUrl, replicas });
  const people = await signPeople(servers.issuer, CLIENTS);
  const { rooms, since } = await foundGroups(opened.log, people);
  await projectOnce({ dir, env, databaseUrl: servers.postgres.url, members: CLIENTS });
  await writeMissed(opened.log, rooms);
  const until = (await opened.log.bounds()).last;
  const gateway = started.add(await startService({ name: 'realtime-gateway', dir, env, nodeArguments }));
  const position = formatPosition(opened.log.epoch, since);
  const hello = ({ token }: Person) => JSON.stringify({ t: 'hello', token, since: position });
  const ours = (signed: () => Promise<Person[]>): Target => ({
    pid: gateway.pid,
    url: `${gateway.url.replace('http', 'ws')}${SOCKET_PATH}`,
    subprotocol: SUBPROTOCOL,
    greetings: async () => (await signed()).map(hello),
  });
  const known = ours(async () => people);
  const fresh = ours(() => signPeople(servers.issuer, CLIENTS));
  const floor = await startFloor(context, {
    order: { natsUrl, replicas, after: since, until },
    rooms,
    people,
  });
  const workers = Array.from({ length: CLIENT_PROCESSES }, (_, index) =>
    started.add(Worker.start('resume-storm/clients.js', { logFile: join(dir, `clients-${index}.log`) })),
  );
  const side = (name: string, target: Target): Side => ({ name, run: () => storm(workers, target) });
  const logFile = join(dir, 'postgres', 'postgres.log');
  const counted = async (): Promise<Sample> => {
    const { adminUrl } = servers.postgres;
    return {
      perClient: (await countStatements({ adminUrl, logFile }, () => storm(workers, known))) / CLIENTS,
    };
  };
  return {
    servers: { 'nats-server': nats.version, postgres: servers.postgres.version },
    parameters: {
      replicas,
      clients: CLIENTS,
      groupMembers: GROUP_MEMBERS,
      missed: MISSED,
      bodyBytes: BODY_BYTES,
    },
    sides: [
      side('known tokens', known),
      side('new tokens', fresh),
      side('floor', floor),
      side('floor again', floor),
      { name: 'statements', run: counted },
      { name: 'one a client', run: async () => ({ perClient: 1 }) },
    ],
    ratios: RATIOS,
  };
}

async function foundGroups(
  log: EventLog,
  people: readonly Person[],
): Promise<{ rooms: Room[]; since: number }> {
  const rooms: Room[] = [];
  for (let from = 0; from < people.length; from += GROUP_MEMBERS) {
    const members = people.slice(from, from + GROUP_MEMBERS).map(({ userId }) => userId);
    const room = new Room(members[0] ?? '');
    await append(log, room, room.created(members));
    rooms.push(room);
  }
  return { rooms, since: (await log.bounds()).last };
}

async function writeMissed(log: EventLog, rooms: readonly Room[]): Promise<void> {
  for (let index = 0; index < MISSED; index++) {
    await Promise.all(rooms.map((room) => append(log, room, room.message(stampedBody(index, BODY_BYTES)))));
  }
}

function append(log: EventLog, { subject }: Room, payload: Uint8Array): Promise<unknown> {
  return log.append({ subject, commitId: uuidv7(), payload, expectedLastSequence: 'any' });
}

async function startFloor(
  { dir, started }: BenchContext,
  parts: { order: FloorOrder; rooms: readonly Room[]; people: readonly Person[] },
): Promise<Target> {
  const { order, rooms, people } = parts;
  const logFile = join(dir, 'floor.log');
  const worker = started.add(Worker.start('resume-storm/floor-server.js', { logFile }));
  const { url } = await worker.call<{ url: string }>('start', order);
  const greetings = people.map(({ token }, index) => {
    const subject = rooms[Math.floor(index / GROUP_MEMBERS)]?.subject ?? '';
    const greeting: FloorGreeting = { subject, token };
    return JSON.stringify(greeting);
  });
  return { pid: worker.pid, url, subprotocol: null, greetings: async () => greetings };
}

async function storm(workers: readonly Worker[], target: Target): Promise<Sample> {
  const { url, subprotocol } = target;
  const greetings = await target.greetings();
  const share = greetings.length / workers.length;
  const cpuBefore = cpuMicroseconds(target.pid);
  const storms = workers.map((worker, index) => {
    const mine = greetings.slice(index * share, (index + 1) * share);
    const order: StormOrder = { url, subprotocol, greetings: mine, missed: MISSED };
    return worker.call<StormReport>('storm', order);
  });
  const reports = await inTime(Promise.all(storms), DEADLINE_MS);
  const cpu = cpuMicroseconds(target.pid) - cpuBefore;
  await Promise.all(workers.map((worker) => worker.call('leave')));
  for (const { fewest, most, outOfOrder } of reports) {
    if (fewest === MISSED && most === MISSED && outOfOrder === 0) continue;
    throw new Error(
      `not every client got every message once and in order: ${fewest} to ${most}, ${outOfOrder}`,
    );
  }
  const began = Math.min(...reports.map(({ beganUs }) => beganUs));
  const ended = Math.max(...reports.map(({ endedUs }) => endedUs));
  return {
    seconds: (ended - began) / 1e6,
    ...percentiles(reports.map(({ latencies }) => latencies)),
    serverCpuUs: cpu / greetings.length,
  };
}
