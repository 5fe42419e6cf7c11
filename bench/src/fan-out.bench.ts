/**
 * fan-out: one message to 1,000 WebSocket clients of one conversation, through the real gateway.
 *
 * Method. The bench writes the commits into the log itself; 1,000 members, each with a token and a socket of their own, sit
 * in two receiving processes (plain `ws`, they count a marker and parse nothing). Paced: the next message is
 * written when all sockets have the last one. Unpaced: all messages are written as fast as the log takes them. Every run
 * must deliver every message to every socket exactly once and in order. Latency is from before the append to the
 * receipt, on one clock. The projector runs only until it knows the members, then it is stopped.
 *
 * Floor. A raw `ws` server in its own process: ordered consumer, one frame built per message, `send` to each socket.
 *
 * Equal: receiving processes and what they do, bytes of a message's frame, nats-server, stream configuration, writer.
 * Not equal: the floor knows no members, tokens, heartbeats, positions, replay or queue limits. The gateway may put several
 * messages into one frame when they come faster than it flushes (every 5 ms); the floor sends each alone. Framing is what a
 * delivery costs, so unpaced says what batching is worth, and paced says what one delivery costs.
 */
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, headers } from '@nats-io/transport-node';
import { HEARTBEAT_MS, SOCKET_PATH, SUBPROTOCOL } from '@parley/contracts';
import { createLogger, type EventLog, openEventLog } from '@parley/runtime';
import { uuidv7 } from 'uuidv7';
import { BODY_BYTES, type Drive, measure, paced, type Target, unpaced } from './fan-out/drive.ts';
import type { FloorOrder } from './fan-out/floor-server.ts';
import type { OpenOrder } from './fan-out/receivers.ts';
import { Room } from './fan-out/room.ts';
import type { Bench, BenchContext, PreparedBench } from './frame/bench.ts';
import { ensureFloorStream, FLOOR_PREFIX } from './frame/floor-stream.ts';
import type { Side } from './frame/interleave.ts';
import { startLogServer } from './frame/nats.ts';
import { openPool } from './frame/pool.ts';
import { serviceEnvironment, startPrivateServers } from './frame/private-servers.ts';
import { startService } from './frame/service.ts';
import type { RatioWish } from './frame/spread.ts';
import { Worker } from './frame/worker.ts';
import { signPeople } from './send/rooms.ts';

const SOCKETS = 1_000;
const RECEIVING_PROCESSES = 2;
const NOMINAL = { paced: 150, unpaced: 300 };
const QUICK = { paced: 20, unpaced: 50 };
/** Only a projector that is broken needs longer for one commit. */
const RUN_DEADLINE_MS = 60_000;

export const fanOutBench: Bench = { name: 'fan-out', title: 'fan-out to 1,000 sockets', prepare };

const RATIOS: RatioWish[] = [
  {
    name: 'A/A: floor ÷ floor',
    of: 'paced floor again',
    over: 'paced floor',
    measure: 'deliveriesPerSecond',
  },
  { name: 'A/A: floor ÷ floor', of: 'paced floor again', over: 'paced floor', measure: 'serverCpuUs' },
  ratio('paced', 'deliveriesPerSecond', { atLeast: 1 }),
  ratio('paced', 'serverCpuUs', { atMost: 1 }),
  ratio('paced', 'p99Ms'),
  ratio('unpaced', 'deliveriesPerSecond', { atLeast: 1 }),
  ratio('unpaced', 'serverCpuUs', { atMost: 1 }),
];

function ratio(of: string, measure: string, aim?: RatioWish['aim']): RatioWish {
  return { name: `${of} ÷ floor`, of, over: `${of} floor`, measure, ...(aim ? { aim } : {}) };
}

async function prepare(context: BenchContext): Promise<PreparedBench> {
  const { dir, options, started } = context;
  const replicas = options.replicas;
  const counts = options.quick ? QUICK : NOMINAL;
  const servers = await startPrivateServers(context);
  const nats = started.add(await startLogServer(join(dir, 'nats'), replicas));
  const logger = createLogger({ name: 'bench', level: 'error' });
  const opened = await openEventLog({ natsUrl: nats.url, replicas, name: 'bench', logger });
  started.onStop(() => opened.close());
  const natsUrl = await nats.leaderUrl('EVT');
  const environment = serviceEnvironment(servers, { natsUrl, replicas });
  const receivers = Array.from({ length: RECEIVING_PROCESSES }, (_, index) =>
    started.add(Worker.start('fan-out/receivers.js', { logFile: join(dir, `receivers-${index}.log`) })),
  );
  const people = await signPeople(servers.issuer, SOCKETS);
  const room = new Room(people[0]?.userId ?? '');
  await append(opened.log, room, room.created(people.map(({ userId }) => userId)));
  await projectOnce(context, environment, servers.postgres.url);
  const { nodeArguments } = options;
  const gateway = started.add(
    await startService({ name: 'realtime-gateway', dir, env: environment, nodeArguments }),
  );
  await openSockets(receivers, 'gateway', {
    url: `${gateway.url.replace('http', 'ws')}${SOCKET_PATH}`,
    subprotocol: SUBPROTOCOL,
    greetings: people.map(({ token }) => JSON.stringify({ t: 'hello', token })),
    readyText: '"t":"live"',
  });
  const ours: Target = {
    name: 'gateway',
    pid: gateway.pid,
    sockets: SOCKETS,
    room,
    publish: (payload) => append(opened.log, room, payload),
    receivers,
  };
  const floor = await startFloor(context, { natsUrl, replicas, receivers });
  return {
    servers: { 'nats-server': nats.version, postgres: servers.postgres.version },
    parameters: {
      replicas,
      sockets: SOCKETS,
      receivingProcesses: RECEIVING_PROCESSES,
      bodyBytes: BODY_BYTES,
      pacedMessages: counts.paced,
      unpacedMessages: counts.unpaced,
      heartbeatMs: HEARTBEAT_MS,
    },
    sides: [
      side('paced', ours, paced, counts.paced),
      side('paced floor', floor, paced, counts.paced),
      side('paced floor again', floor, paced, counts.paced),
      side('unpaced', ours, unpaced, counts.unpaced),
      side('unpaced floor', floor, unpaced, counts.unpaced),
    ],
    ratios: RATIOS,
  };
}

function append(log: EventLog, { subject }: Room, payload: Uint8Array): Promise<unknown> {
  // 'any': the bench is the only writer, and one connection keeps the order of what is sent on it.
  return log.append({ subject, commitId: uuidv7(), payload, expectedLastSequence: 'any' });
}

/** The gateway reads the members from the read model; the projector would only take its CPU afterwards. */
async function projectOnce(
  { dir }: BenchContext,
  env: Record<string, string>,
  databaseUrl: string,
): Promise<void> {
  const projector = await startService({ name: 'projector', dir, env });
  const pool = openPool(databaseUrl);
  try {
    const deadline = Date.now() + RUN_DEADLINE_MS;
    for (;;) {
      const { rows } = await pool.query('SELECT count(*)::int AS members FROM read_model.members');
      if (rows[0]?.members === SOCKETS) return;
      if (Date.now() > deadline) throw new Error('the projector did not write the members');
      await after(20);
    }
  } finally {
    await pool.end();
    await projector.stop();
  }
}

async function startFloor(
  { dir, started }: BenchContext,
  { natsUrl, replicas, receivers }: { natsUrl: string; replicas: 1 | 3; receivers: readonly Worker[] },
): Promise<Target> {
  const connection = await connect({ servers: natsUrl.split(',') });
  started.onStop(() => connection.close());
  await ensureFloorStream(await jetstreamManager(connection), replicas);
  const worker = started.add(Worker.start('fan-out/floor-server.js', { logFile: join(dir, 'floor.log') }));
  const order: FloorOrder = { natsUrl };
  const { url } = await worker.call<{ url: string }>('start', order);
  const greetings = Array.from({ length: SOCKETS }, () => '');
  await openSockets(receivers, 'floor', { url, subprotocol: null, greetings, readyText: null });
  const room = new Room('user-0');
  const publish = (payload: Uint8Array) => {
    const marked = headers();
    marked.set('Nats-Msg-Id', uuidv7());
    return connection.request(`${FLOOR_PREFIX}.${room.id}`, payload, { timeout: 5_000, headers: marked });
  };
  return { name: 'floor', pid: worker.pid, sockets: SOCKETS, room, publish, receivers };
}

async function openSockets(receivers: readonly Worker[], name: string, order: OpenOrder): Promise<void> {
  const share = order.greetings.length / receivers.length;
  await Promise.all(
    receivers.map((worker, index) => {
      const greetings = order.greetings.slice(index * share, (index + 1) * share);
      return worker.call('open', { name, order: { ...order, greetings } });
    }),
  );
}

function side(name: string, target: Target, drive: Drive, messages: number): Side {
  return { name, run: () => measure(target, drive, messages) };
}
