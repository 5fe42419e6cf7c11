/**
 * stalled-reader: what 500 sockets that read notice of others, on the same gateway, that do not.
 *
 * Method. One message every 20 ms to a conversation of 500, in an open loop: latency is from the intended time to the
 * receipt, on one clock, and every socket must get every message once and in order. Between two of them, every 40 ms, a
 * commit of 250 kB goes to another conversation. Two sockets read those in every run. Beside them nobody, one or ten
 * sockets stop reading before the run begins: the kernel takes some megabytes for each, then the gateway's queue fills, and
 * the gateway must close each with 4008. The run goes on after that. The gateway is the same process for all sides.
 *
 * Floor. The same gateway in the same run without a stalled socket; once more for the noise.
 *
 * Equal: gateway, receiving processes, both conversations, all that is written. Not equal: until they are closed, the
 * stalled sockets are sent the large commits as well: what that costs the others is what is measured.
 */
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { SOCKET_LIMITS, SOCKET_PATH, SUBPROTOCOL } from '@parley/contracts';
import { createLogger, type EventLog, openEventLog } from '@parley/runtime';
import { uuidv7 } from 'uuidv7';
import { BODY_BYTES, type Drive, measure, type Target } from './fan-out/drive.ts';
import { stampedBody } from './fan-out/marker.ts';
import { openSockets } from './fan-out/open-sockets.ts';
import { Room } from './fan-out/room.ts';
import type { Bench, BenchContext, PreparedBench } from './frame/bench.ts';
import { inTime } from './frame/in-time.ts';
import type { Sample, Side } from './frame/interleave.ts';
import { startLogServer } from './frame/nats.ts';
import { onSchedule } from './frame/on-schedule.ts';
import { serviceEnvironment, startPrivateServers } from './frame/private-servers.ts';
import { projectOnce } from './frame/project-once.ts';
import { startService } from './frame/service.ts';
import type { RatioWish } from './frame/spread.ts';
import { Worker } from './frame/worker.ts';
import { type Person, signPeople } from './send/rooms.ts';
import type { ReadersOrder } from './stalled-reader/readers.ts';

const HEALTHY = 500;
const READING = 2;
const STALLED = 10;
const EVERY_MS = 20;
const MESSAGES = 200;
const QUICK_MESSAGES = 150;
const HEAVY_BYTES = 250_000;
/** A large commit after every second message, halfway to the next. */
const HEAVY_AFTER = 2;
/** A socket that takes nothing is closed after ten seconds at the latest. */
const CLOSE_DEADLINE_MS = 15_000;
const POLL_MS = 50;

export const stalledReaderBench: Bench = {
  name: 'stalled-reader',
  title: '500 sockets beside some that do not read',
  prepare,
};

const RATIOS: RatioWish[] = [
  { name: 'A/A: none ÷ none', of: 'none again', over: 'none', measure: 'p50Ms' },
  { name: 'A/A: none ÷ none', of: 'none again', over: 'none', measure: 'p99Ms' },
  ...['one', 'ten'].flatMap((of) => [ratio(of, 'p50Ms'), ratio(of, 'p99Ms')]),
];

function ratio(of: string, measure: string): RatioWish {
  return { name: `${of} stalled ÷ none`, of, over: 'none', measure, aim: { atMost: 1.5 } };
}

/** What all sides share. */
interface Stage {
  healthy: Target;
  heavy: Room;
  readers: Worker;
  stalled: readonly Person[];
  socketUrl: string;
  metricsUrl: string;
}

async function prepare(context: BenchContext): Promise<PreparedBench> {
  const { dir, options, started } = context;
  const { replicas, nodeArguments } = options;
  const messages = options.quick ? QUICK_MESSAGES : MESSAGES;
  const servers = await startPrivateServers(context);
  const nats = started.add(await startLogServer(join(dir, 'nats'), replicas));
  const logger = createLogger({ name: 'bench', level: 'error' });
  const opened = await openEventLog({ natsUrl: nats.url, replicas, name: 'bench', logger });
  started.onStop(() => opened.close());
  const env = serviceEnvironment(servers, { natsUrl: await nats.leaderUrl('EVT'), replicas });
  const people = await signPeople(servers.issuer, HEALTHY + READING + STALLED);
  const [healthy, others] = [people.slice(0, HEALTHY), people.slice(HEALTHY)];
  const rooms = { common: await foundRoom(opened.log, healthy), heavy: await foundRoom(opened.log, others) };
  await projectOnce({ dir, env, databaseUrl: servers.postgres.url, members: people.length });
  const gateway = started.add(await startService({ name: 'realtime-gateway', dir, env, nodeArguments }));
  const socketUrl = `${gateway.url.replace('http', 'ws')}${SOCKET_PATH}`;
  const worker = (script: string, name: string): Worker =>
    started.add(Worker.start(script, { logFile: join(dir, `${name}.log`) }));
  const receivers = [worker('fan-out/receivers.js', 'receivers')];
  const order = { url: socketUrl, subprotocol: SUBPROTOCOL, greetings: greetings(healthy) };
  await openSockets(receivers, 'healthy', { ...order, readyText: '"t":"live"' });
  const readers = worker('stalled-reader/readers.js', 'readers');
  await readers.call('read', { ...order, greetings: greetings(others.slice(0, READING)) });
  started.onStop(() => readers.call('close'));
  const stage: Stage = {
    healthy: {
      name: 'healthy',
      pid: gateway.pid,
      sockets: HEALTHY,
      room: rooms.common,
      publish: (payload) => append(opened.log, rooms.common, payload),
      receivers,
    },
    heavy: rooms.heavy,
    readers,
    stalled: others.slice(READING),
    socketUrl,
    metricsUrl: `${gateway.url}/metrics`,
  };
  const drive = drivenBy((payload) => append(opened.log, rooms.heavy, payload), rooms.heavy);
  const side = (name: string, count: number): Side => ({
    name,
    run: () => run(stage, drive, { count, messages }),
  });
  return {
    servers: { 'nats-server': nats.version, postgres: servers.postgres.version },
    parameters: {
      replicas,
      healthy: HEALTHY,
      alsoReading: READING,
      messages,
      everyMs: EVERY_MS,
      bodyBytes: BODY_BYTES,
      heavyBytes: HEAVY_BYTES,
      heavyEveryMs: EVERY_MS * HEAVY_AFTER,
      queueBytes: SOCKET_LIMITS.queueBytes,
    },
    sides: [side('none', 0), side('one', 1), side('ten', STALLED), side('none again', 0)],
    ratios: RATIOS,
  };
}

async function foundRoom(log: EventLog, people: readonly Person[]): Promise<Room> {
  const room = new Room(people[0]?.userId ?? '');
  await append(log, room, room.created(people.map(({ userId }) => userId)));
  return room;
}

function append(log: EventLog, { subject }: Room, payload: Uint8Array): Promise<unknown> {
  // 'any': the bench is the only writer, and one connection keeps the order of what is sent on it.
  return log.append({ subject, commitId: uuidv7(), payload, expectedLastSequence: 'any' });
}

function greetings(people: readonly Person[]): string[] {
  return people.map(({ token }) => JSON.stringify({ t: 'hello', token }));
}

/** Small messages on a schedule; large commits halfway between two of them, whatever became of those before. */
function drivenBy(publishHeavy: (payload: Uint8Array) => Promise<unknown>, heavy: Room): Drive {
  const body = 'x'.repeat(HEAVY_BYTES);
  return async ({ receivers, room, publish, sockets }, messages) => {
    const everywhere = Promise.all(
      receivers.map((worker) => worker.call<number>('reach', (messages * sockets) / receivers.length)),
    );
    const stored: Promise<unknown>[] = [];
    await onSchedule({ everyUs: EVERY_MS * 1_000, count: messages }, (intended, index) => {
      stored.push(publish(room.message(stampedBody(intended, BODY_BYTES))));
      if (index % HEAVY_AFTER === 0) {
        stored.push(after(EVERY_MS / 2).then(() => publishHeavy(heavy.message(body))));
      }
    });
    await Promise.all(stored);
    return Math.max(...(await everywhere));
  };
}

async function run(
  { healthy, readers, stalled, socketUrl, metricsUrl }: Stage,
  drive: Drive,
  { count, messages }: { count: number; messages: number },
): Promise<Sample> {
  const closedBefore = await closedAsSlow(metricsUrl);
  const order: ReadersOrder = {
    url: socketUrl,
    subprotocol: SUBPROTOCOL,
    greetings: greetings(stalled.slice(0, count)),
  };
  await readers.call('stall', order);
  const { p50Ms = Number.NaN, p99Ms = Number.NaN } = await measure(healthy, drive, messages);
  const closedInRun = (await closedAsSlow(metricsUrl)) - closedBefore;
  await inTime(closed(metricsUrl, closedBefore + count), CLOSE_DEADLINE_MS);
  await readers.call('drop');
  return { p50Ms, p99Ms, closedInRun };
}

async function closed(metricsUrl: string, count: number): Promise<void> {
  while ((await closedAsSlow(metricsUrl)) < count) await after(POLL_MS);
}

async function closedAsSlow(metricsUrl: string): Promise<number> {
  const text = await (await fetch(metricsUrl)).text();
  return Number(/^parley_gateway_closes_total\{.*code="4008".*\} (\d+)/m.exec(text)?.[1] ?? 0);
}
