/**
 * send: `POST /v1/commands/message.send` through the real command API, against the least that could do the job.
 *
 * Method. 64 keep-alive connections with a token each and one request in flight (and one connection alone, for
 * latency), fresh UUIDv7 keys, 100-byte bodies; to 256 conversations of 64 members (many) or to one (hot, a new one for
 * every run). The load generator is a process of its own with its own HTTP; its CPU per request is in the table. After
 * every run the log must have gained exactly the accepted messages, each once, and no request may have failed.
 *
 * Floor. A bare fastify route in its own process: zod over the same body, one JetStream publish, awaited.
 *
 * Equal: request bytes, schema, generator, size of what is stored, stream configuration, nats-server (each side its own,
 * both idle while the other runs), a connection to the stream's leader, subjects per conversation.
 * Not equal: the floor checks no token, no membership, no key, no version, assigns no ordinal, sets no headers, measures
 * nothing, and cannot tell a retry from a new message. It makes one publish for each request; we may put several
 * messages into one commit.
 */
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { createLogger, type OpenLog, openEventLog } from '@parley/runtime';
import type { Bench, BenchContext, PreparedBench } from './frame/bench.ts';
import { cpuMicroseconds } from './frame/cpu.ts';
import { ensureFloorStream, FLOOR_STREAM } from './frame/floor-stream.ts';
import type { Sample, Side } from './frame/interleave.ts';
import { percentiles } from './frame/latency.ts';
import { type LogServer, startLogServer } from './frame/nats.ts';
import { type PrivateServers, serviceEnvironment, startPrivateServers } from './frame/private-servers.ts';
import { type Service, startService } from './frame/service.ts';
import type { RatioWish } from './frame/spread.ts';
import { Worker } from './frame/worker.ts';
import { countMessages } from './send/count-messages.ts';
import type { FloorOrder } from './send/floor-server.ts';
import type { LoadOrder, LoadReport } from './send/load.ts';
import { readMetrics } from './send/read-metrics.ts';
import { createConversation, type Person, send, signPeople } from './send/rooms.ts';

const IN_FLIGHT = 64;
const CONVERSATIONS = 256;
const BODY_BYTES = 100;
const NOMINAL = { warmUpMs: 500, measureMs: 3_000 };
const QUICK = { warmUpMs: 300, measureMs: 700 };

export const sendBench: Bench = { name: 'send', title: 'send over HTTP', prepare };

/** Where requests go, and how to know afterwards that they arrived. */
interface Target {
  url: string;
  pid: number;
  natsPids: readonly number[];
  /** Messages stored so far, up to a place in the stream. */
  stored(): Promise<number>;
  metrics(): Promise<(name: string) => number>;
}

interface Load {
  worker: Worker;
  people: Person[];
  times: typeof NOMINAL;
}

async function prepare(context: BenchContext): Promise<PreparedBench> {
  const { options, started } = context;
  const { replicas, nodeArguments, quick } = options;
  const times = quick ? QUICK : NOMINAL;
  const servers = await startPrivateServers(context);
  const people = await signPeople(servers.issuer, IN_FLIGHT);
  const ours = await startOurs(context, servers);
  const rooms = await Promise.all(
    Array.from({ length: CONVERSATIONS }, () => createConversation(ours.service.url, people)),
  );
  const floor = await startFloor(context, await singleCommitBytes(ours, people, rooms[0] ?? ''));
  const worker = started.add(Worker.start('send/load.js', { logFile: join(context.dir, 'load.log') }));
  const load: Load = { worker, people, times };
  const newRoom = async () => [await createConversation(ours.service.url, people)];
  const sides: Side[] = [
    side('many', ours.target, load, { rooms: async () => rooms }),
    side('many floor', floor, load, { rooms: async () => rooms }),
    side('many floor again', floor, load, { rooms: async () => rooms }),
    side('hot', ours.target, load, { rooms: newRoom }),
    side('hot floor', floor, load, { rooms: newRoom }),
    side('one in flight', ours.target, load, { rooms: async () => rooms, connections: 1 }),
    side('one in flight floor', floor, load, { rooms: async () => rooms, connections: 1 }),
  ];
  return {
    servers: { 'nats-server': ours.nats.version, postgres: servers.postgres.version },
    parameters: {
      replicas,
      inFlight: IN_FLIGHT,
      conversations: CONVERSATIONS,
      bodyBytes: BODY_BYTES,
      storedBytes: floor.payloadBytes,
      seconds: times.measureMs / 1_000,
      generator: 'own process, own HTTP',
      ...(nodeArguments.length > 0 ? { nodeArguments: nodeArguments.join(' ') } : {}),
    },
    sides,
    ratios: RATIOS,
  };
}

const RATIOS: RatioWish[] = [
  { name: 'A/A: floor ÷ floor', of: 'many floor again', over: 'many floor', measure: 'perSecond' },
  { name: 'many ÷ floor', of: 'many', over: 'many floor', measure: 'perSecond', aim: { atLeast: 0.85 } },
  { name: 'hot ÷ floor', of: 'hot', over: 'hot floor', measure: 'perSecond', aim: { atLeast: 0.85 } },
  { name: 'hot ÷ many', of: 'hot', over: 'many', measure: 'perSecond', aim: { atLeast: 1 } },
  { name: 'one in flight ÷ floor', of: 'one in flight', over: 'one in flight floor', measure: 'p50Ms' },
];

function side(
  name: string,
  target: Target,
  load: Load,
  wish: { rooms(): Promise<string[]>; connections?: number },
): Side {
  return {
    name,
    async run() {
      const order: LoadOrder = {
        url: target.url,
        tokens: load.people.slice(0, wish.connections ?? IN_FLIGHT).map(({ token }) => token),
        conversations: await wish.rooms(),
        bodyBytes: BODY_BYTES,
        ...load.times,
      };
      return measure(target, load.worker, order);
    },
  };
}

async function measure(target: Target, worker: Worker, order: LoadOrder): Promise<Sample> {
  const storedBefore = await target.stored();
  const before = await target.metrics();
  const cpu = () => [target.pid, worker.pid].map((pid) => cpuMicroseconds(pid));
  const [serverBefore = 0, loadBefore = 0] = cpu();
  const natsBefore = cpuMicroseconds(...target.natsPids);
  const report = await worker.call<LoadReport>('run', order);
  const [serverAfter = 0, loadAfter = 0] = cpu();
  const natsAfter = cpuMicroseconds(...target.natsPids);
  const after = await target.metrics();
  const gained = (await target.stored()) - storedBefore;
  if (report.failures > 0) throw new Error(`${report.failures} requests failed: ${report.firstFailure}`);
  if (gained !== report.accepted) {
    throw new Error(`${report.accepted} messages were accepted, but the log gained ${gained}`);
  }
  const delta = (name: string) => after(name) - before(name);
  const commits = delta('parley_commit_commands_count');
  return {
    perSecond: report.measured / (report.measuredMs / 1_000),
    ...percentiles([report.latencies]),
    serverCpuUs: (serverAfter - serverBefore) / report.accepted,
    natsCpuUs: (natsAfter - natsBefore) / report.accepted,
    generatorCpuUs: (loadAfter - loadBefore) / report.accepted,
    ...(commits > 0
      ? {
          commandsPerCommit: delta('parley_commit_commands_sum') / commits,
          conflicts: delta('parley_log_append_conflicts_total'),
        }
      : {}),
  };
}

interface Ours {
  nats: LogServer;
  opened: OpenLog;
  service: Service;
  target: Target;
}

async function startOurs(context: BenchContext, servers: PrivateServers): Promise<Ours> {
  const { dir, options, started } = context;
  const { replicas, nodeArguments } = options;
  const nats = started.add(await startLogServer(join(dir, 'nats-ours'), replicas));
  const logger = createLogger({ name: 'bench', level: 'error' });
  const opened = await openEventLog({ natsUrl: nats.url, replicas, name: 'bench', logger });
  started.onStop(() => opened.close());
  const natsUrl = await nats.leaderUrl('EVT');
  const env = serviceEnvironment(servers, { natsUrl, replicas });
  const service = started.add(await startService({ name: 'command-api', dir, env, nodeArguments }));
  let counted = { upTo: 0, messages: 0 };
  const target: Target = {
    url: service.url,
    pid: service.pid,
    natsPids: nats.pids,
    async stored() {
      const { last } = await opened.log.bounds();
      const messages = counted.messages + (await countMessages(opened.log, counted.upTo, last));
      counted = { upTo: last, messages };
      return messages;
    },
    metrics: () => readMetrics(service.url),
  };
  return { nats, opened, service, target };
}

/** What one message takes in the log: the floor stores as much. */
async function singleCommitBytes(ours: Ours, people: Person[], conversation: string): Promise<number> {
  const { position } = await send(ours.service.url, people[0], 'message.send', {
    conversationId: conversation,
    body: 'x'.repeat(BODY_BYTES),
  });
  const record = await ours.opened.log.at(Number(position.split(':')[1]));
  if (!record) throw new Error('the log does not hold what it has just stored');
  return record.payload.length;
}

async function startFloor(
  { dir, options, started }: BenchContext,
  payloadBytes: number,
): Promise<Target & { payloadBytes: number }> {
  const nats = started.add(await startLogServer(join(dir, 'nats-floor'), options.replicas));
  const connection = await connect({ servers: nats.url.split(',') });
  started.onStop(() => connection.close());
  const manager = await jetstreamManager(connection);
  await ensureFloorStream(manager, options.replicas);
  const worker = started.add(Worker.start('send/floor-server.js', { logFile: join(dir, 'floor.log') }));
  const order: FloorOrder = { natsUrl: await nats.leaderUrl(FLOOR_STREAM), payloadBytes };
  const { url } = await worker.call<{ url: string }>('start', order);
  return {
    url,
    pid: worker.pid,
    natsPids: nats.pids,
    stored: async () => (await manager.streams.info(FLOOR_STREAM)).state.messages,
    metrics: async () => () => 0,
    payloadBytes,
  };
}
