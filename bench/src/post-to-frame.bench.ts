/**
 * post-to-frame: from `POST message.send` to the frame at two other users' sockets, at 200 messages/s.
 *
 * Method. An open loop in a process of its own: message n is due at n × 5 ms, whatever became of the one before, and
 * latency counts from when it was due to when its frame is in the receiving process, on one clock. 64 senders in turns, each
 * with a keep-alive connection and a conversation with the same two receivers, whose sockets are the only ones. The real
 * command API and the real gateway, the log between them; the projector is not on the way and stopped. Every message must be
 * accepted and reach both sockets once.
 *
 * Floor. The same loop publishes to JetStream; an ordered consumer in one process sends a frame per message to two raw
 * `ws` sockets.
 *
 * Equal: schedule, receiving process, nats-server, stream configuration, subjects, bytes of a body, deduplication by
 * message id. Not equal: the floor has no HTTP, no JSON, no token, no schema, no membership, no version, no ordinal, no
 * answer to a client; it is two hops, ours is three.
 */
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { SOCKET_PATH, SUBPROTOCOL } from '@parley/contracts';
import { createLogger, openEventLog } from '@parley/runtime';
import type { FloorOrder } from './fan-out/floor-server.ts';
import { openSockets } from './fan-out/open-sockets.ts';
import type { ReceiptReport } from './fan-out/receivers.ts';
import type { Bench, BenchContext, PreparedBench } from './frame/bench.ts';
import { cpuMicroseconds } from './frame/cpu.ts';
import { ensureFloorStream, FLOOR_PREFIX } from './frame/floor-stream.ts';
import { inTime } from './frame/in-time.ts';
import type { Sample, Side } from './frame/interleave.ts';
import { percentiles } from './frame/latency.ts';
import { startLogServer } from './frame/nats.ts';
import { type PrivateServers, serviceEnvironment, startPrivateServers } from './frame/private-servers.ts';
import { projectOnce } from './frame/project-once.ts';
import { startService } from './frame/service.ts';
import type { RatioWish } from './frame/spread.ts';
import { Worker } from './frame/worker.ts';
import type { PostOrder, PublishOrder } from './post-to-frame/load.ts';
import { createConversation, signPeople } from './send/rooms.ts';

const PER_SECOND = 200;
const RECEIVERS = 2;
const SENDERS = 64;
const BODY_BYTES = 100;
const NOMINAL_MESSAGES = 2_000;
/** Runs before anything is measured, on both sides, each of this many messages. */
const WARM_UP_RUNS = 6;
const WARM_UP_MESSAGES = 1_500;
const WARM_UP_PER_SECOND = 1_000;
const QUICK_MESSAGES = 400;
/** Beyond the schedule's own length. */
const GRACE_MS = 20_000;

export const postToFrameBench: Bench = { name: 'post-to-frame', title: 'POST to frame at 200/s', prepare };

const RATIOS: RatioWish[] = [
  { name: 'A/A: floor ÷ floor', of: 'floor again', over: 'floor', measure: 'p50Ms' },
  { name: 'A/A: floor ÷ floor', of: 'floor again', over: 'floor', measure: 'p99Ms' },
  { name: 'ours ÷ floor', of: 'ours', over: 'floor', measure: 'p50Ms', aim: { atMost: 2 } },
  { name: 'ours ÷ floor', of: 'ours', over: 'floor', measure: 'p99Ms', aim: { atMost: 2 } },
];

interface Target {
  /** Under which its sockets were opened. */
  name: string;
  pids: readonly number[];
  /** Sends all of them on schedule. */
  send(schedule: Pace): Promise<void>;
}

interface Pace {
  messages: number;
  perSecond: number;
}

interface Rig {
  receiver: Worker;
  load: Worker;
  natsUrl: string;
}

async function prepare(context: BenchContext): Promise<PreparedBench> {
  const { dir, options, started } = context;
  const { replicas } = options;
  const messages = options.quick ? QUICK_MESSAGES : NOMINAL_MESSAGES;
  const servers = await startPrivateServers(context);
  const nats = started.add(await startLogServer(join(dir, 'nats'), replicas));
  const logger = createLogger({ name: 'bench', level: 'error' });
  // Makes the stream, so that its leader can be asked for.
  await (await openEventLog({ natsUrl: nats.url, replicas, name: 'bench', logger })).close();
  const rig: Rig = {
    receiver: started.add(Worker.start('fan-out/receivers.js', { logFile: join(dir, 'receiver.log') })),
    load: started.add(Worker.start('post-to-frame/load.js', { logFile: join(dir, 'load.log') })),
    natsUrl: await nats.leaderUrl('EVT'),
  };
  const ours = await startOurs(context, servers, rig);
  const floor = await startFloor(context, rig);
  // A service runs for days: what its first requests cost is compiled away after some thousands of them. Several runs
  // and not a long one: the end of a run closes connections, and the first end undid a part of what was compiled.
  for (const target of [ours, floor]) {
    for (let run = 0; run < WARM_UP_RUNS; run++) {
      await measure(rig.receiver, target, { messages: WARM_UP_MESSAGES, perSecond: WARM_UP_PER_SECOND });
    }
  }
  const side = (name: string, target: Target): Side => ({
    name,
    run: () => measure(rig.receiver, target, { messages, perSecond: PER_SECOND }),
  });
  return {
    servers: { 'nats-server': nats.version, postgres: servers.postgres.version },
    parameters: {
      replicas,
      perSecond: PER_SECOND,
      messages,
      receivers: RECEIVERS,
      senders: SENDERS,
      bodyBytes: BODY_BYTES,
    },
    sides: [side('ours', ours), side('floor', floor), side('floor again', floor)],
    ratios: RATIOS,
  };
}

async function measure(receiver: Worker, target: Target, pace: Pace): Promise<Sample> {
  const { messages, perSecond } = pace;
  await receiver.call('begin', target.name);
  const cpuBefore = cpuMicroseconds(...target.pids);
  const everywhere = receiver.call('reach', messages * RECEIVERS);
  const deadline = (messages / perSecond) * 1_000 + GRACE_MS;
  await inTime(Promise.all([target.send(pace), everywhere]), deadline);
  const cpu = cpuMicroseconds(...target.pids) - cpuBefore;
  const report = await receiver.call<ReceiptReport>('report');
  if (report.fewestPerSocket !== messages || report.mostPerSocket !== messages) {
    throw new Error(`${target.name}: not every socket got every message once: ${report.deliveries}`);
  }
  return { ...percentiles([report.latencies]), serverCpuUs: cpu / messages };
}

async function startOurs(context: BenchContext, servers: PrivateServers, rig: Rig): Promise<Target> {
  const { dir, options, started } = context;
  const { replicas, nodeArguments } = options;
  const env = serviceEnvironment(servers, { natsUrl: rig.natsUrl, replicas });
  const api = started.add(await startService({ name: 'command-api', dir, env, nodeArguments }));
  const people = await signPeople(servers.issuer, RECEIVERS + SENDERS);
  const receiving = people.slice(0, RECEIVERS);
  const senders = await Promise.all(
    people.slice(RECEIVERS).map(async (sender) => ({
      token: sender.token,
      conversationId: await createConversation(api.url, [sender, ...receiving]),
    })),
  );
  const members = SENDERS * (RECEIVERS + 1);
  await projectOnce({ dir, env, databaseUrl: servers.postgres.url, members });
  const gateway = started.add(await startService({ name: 'realtime-gateway', dir, env, nodeArguments }));
  await openSockets([rig.receiver], 'gateway', {
    url: `${gateway.url.replace('http', 'ws')}${SOCKET_PATH}`,
    subprotocol: SUBPROTOCOL,
    greetings: receiving.map(({ token }) => JSON.stringify({ t: 'hello', token })),
    readyText: '"t":"live"',
  });
  return {
    name: 'gateway',
    pids: [api.pid, gateway.pid],
    send(pace) {
      const order: PostOrder = { ...pace, url: api.url, senders, bodyBytes: BODY_BYTES };
      return rig.load.call('post', order);
    },
  };
}

async function startFloor({ dir, options, started }: BenchContext, rig: Rig): Promise<Target> {
  const { natsUrl } = rig;
  const connection = await connect({ servers: natsUrl.split(',') });
  await ensureFloorStream(await jetstreamManager(connection), options.replicas);
  await connection.close();
  const worker = started.add(Worker.start('fan-out/floor-server.js', { logFile: join(dir, 'floor.log') }));
  const floorOrder: FloorOrder = { natsUrl, subject: `${FLOOR_PREFIX}.>` };
  const { url } = await worker.call<{ url: string }>('start', floorOrder);
  const greetings = Array.from({ length: RECEIVERS }, () => '');
  await openSockets([rig.receiver], 'floor', { url, subprotocol: null, greetings, readyText: null });
  const subjects = Array.from({ length: SENDERS }, (_, index) => `${FLOOR_PREFIX}.${index}`);
  return {
    name: 'floor',
    pids: [worker.pid],
    send(pace) {
      const order: PublishOrder = { ...pace, natsUrl, subjects, bodyBytes: BODY_BYTES };
      return rig.load.call('publish', order);
    },
  };
}
