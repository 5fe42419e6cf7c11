/**
 * fan-out: messages to the WebSocket clients of one conversation, through the real gateway.
 *
 * Method. The bench writes the commits into the log itself; the members, each with a token and a socket of their own, sit
 * in two receiving processes (plain `ws`, they count a marker and parse nothing). To 1,000 sockets: paced, the next
 * message is written when all sockets have the last one; unpaced, all messages as fast as the log takes them. To 500
 * other sockets, in an open loop of 500 messages/s: bursts, 50 every 100 ms; even, one every 2 ms. Every run must
 * deliver every message to every socket exactly once and in order. Latency is from before the append (in the open loop:
 * from the intended time) to the receipt, on one clock. The projector runs only until it knows the members.
 *
 * Floor. A raw `ws` server in its own process: ordered consumer, one frame built per message, `send` to each socket.
 *
 * Equal: receiving processes and what they do, bytes of a message's frame, nats-server, stream configuration, writer.
 * Not equal: the floor knows no members, tokens, heartbeats, positions, replay or queue limits. The gateway may put several
 * messages into one frame when they come faster than it flushes (every 5 ms); the floor sends each alone. Framing is what a
 * delivery costs, so unpaced and bursts say what batching is worth, and paced says what one delivery costs.
 *
 * Bursts are held to the server's CPU for a delivery: the rate is given, so deliveries per second can be no better than
 * what is offered; the floor, when it cannot keep up, is merely late.
 */
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, headers, type NatsConnection } from '@nats-io/transport-node';
import { HEARTBEAT_MS, SOCKET_PATH, SUBPROTOCOL } from '@parley/contracts';
import { createLogger, type EventLog, openEventLog } from '@parley/runtime';
import { uuidv7 } from 'uuidv7';
import { BODY_BYTES, bursts, type Drive, measure, paced, type Target, unpaced } from './fan-out/drive.ts';
import type { FloorOrder } from './fan-out/floor-server.ts';
import { openSockets } from './fan-out/open-sockets.ts';
import { Room } from './fan-out/room.ts';
import type { Bench, BenchContext, PreparedBench } from './frame/bench.ts';
import { ensureFloorStream, FLOOR_PREFIX } from './frame/floor-stream.ts';
import type { Side } from './frame/interleave.ts';
import { startLogServer } from './frame/nats.ts';
import { serviceEnvironment, startPrivateServers } from './frame/private-servers.ts';
import { projectOnce } from './frame/project-once.ts';
import { startService } from './frame/service.ts';
import type { RatioWish } from './frame/spread.ts';
import { Worker } from './frame/worker.ts';
import { type Person, signPeople } from './send/rooms.ts';

const SOCKETS = { many: 1_000, some: 500 };
const RECEIVING_PROCESSES = 2;
const BURST = { messages: 50, everyMs: 100 };
const EVEN = { messages: 1, everyMs: 2 };
const NOMINAL = { paced: 150, unpaced: 300, openLoop: 2_000 };
const QUICK = { paced: 20, unpaced: 50, openLoop: 500 };

export const fanOutBench: Bench = { name: 'fan-out', title: 'fan-out to 1,000 and 500 sockets', prepare };

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
  ratio('bursts', 'deliveriesPerCpuSecond', { atLeast: 3 }),
  ratio('bursts', 'deliveriesPerSecond'),
  ratio('bursts', 'p99Ms'),
  ratio('even', 'deliveriesPerCpuSecond'),
  ratio('unpaced', 'deliveriesPerSecond', { atLeast: 1 }),
  ratio('unpaced', 'serverCpuUs', { atMost: 1 }),
];

function ratio(of: string, measure: string, aim?: RatioWish['aim']): RatioWish {
  return { name: `${of} ÷ floor`, of, over: `${of} floor`, measure, ...(aim ? { aim } : {}) };
}

async function prepare(context: BenchContext): Promise<PreparedBench> {
  const { dir, options, started } = context;
  const { replicas, nodeArguments } = options;
  const counts = options.quick ? QUICK : NOMINAL;
  const servers = await startPrivateServers(context);
  const nats = started.add(await startLogServer(join(dir, 'nats'), replicas));
  const logger = createLogger({ name: 'bench', level: 'error' });
  const opened = await openEventLog({ natsUrl: nats.url, replicas, name: 'bench', logger });
  started.onStop(() => opened.close());
  const natsUrl = await nats.leaderUrl('EVT');
  const env = serviceEnvironment(servers, { natsUrl, replicas });
  const receivers = Array.from({ length: RECEIVING_PROCESSES }, (_, index) =>
    started.add(Worker.start('fan-out/receivers.js', { logFile: join(dir, `receivers-${index}.log`) })),
  );
  const people = await signPeople(servers.issuer, SOCKETS.many + SOCKETS.some);
  const groups = { many: people.slice(0, SOCKETS.many), some: people.slice(SOCKETS.many) };
  const rooms = {
    many: await foundRoom(opened.log, groups.many),
    some: await foundRoom(opened.log, groups.some),
  };
  await projectOnce({ dir, env, databaseUrl: servers.postgres.url, members: people.length });
  const gateway = started.add(await startService({ name: 'realtime-gateway', dir, env, nodeArguments }));
  const url = `${gateway.url.replace('http', 'ws')}${SOCKET_PATH}`;
  const ours = async (size: keyof typeof SOCKETS): Promise<Target> => {
    const room = rooms[size];
    const greetings = groups[size].map(({ token }) => JSON.stringify({ t: 'hello', token }));
    const order = { url, subprotocol: SUBPROTOCOL, greetings, readyText: '"t":"live"' };
    const name = `gateway, ${size}`;
    await openSockets(receivers, name, order);
    const publish = (payload: Uint8Array) => append(opened.log, room, payload);
    return { name, pid: gateway.pid, sockets: SOCKETS[size], room, publish, receivers };
  };
  const connection = await openFloorStream(context, natsUrl);
  const floor = (size: keyof typeof SOCKETS) => startFloor(context, { connection, natsUrl, size, receivers });
  const [many, manyFloor] = [await ours('many'), await floor('many')];
  const [some, someFloor] = [await ours('some'), await floor('some')];
  return {
    servers: { 'nats-server': nats.version, postgres: servers.postgres.version },
    parameters: {
      replicas,
      sockets: SOCKETS.many,
      openLoopSockets: SOCKETS.some,
      receivingProcesses: RECEIVING_PROCESSES,
      bodyBytes: BODY_BYTES,
      pacedMessages: counts.paced,
      unpacedMessages: counts.unpaced,
      openLoopMessages: counts.openLoop,
      burst: `${BURST.messages} every ${BURST.everyMs} ms`,
      heartbeatMs: HEARTBEAT_MS,
    },
    sides: [
      side('paced', many, paced, counts.paced),
      side('paced floor', manyFloor, paced, counts.paced),
      side('paced floor again', manyFloor, paced, counts.paced),
      side('bursts', some, bursts(BURST), counts.openLoop),
      side('bursts floor', someFloor, bursts(BURST), counts.openLoop),
      side('even', some, bursts(EVEN), counts.openLoop),
      side('even floor', someFloor, bursts(EVEN), counts.openLoop),
      side('unpaced', many, unpaced, counts.unpaced),
      side('unpaced floor', manyFloor, unpaced, counts.unpaced),
    ],
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

async function openFloorStream({ options, started }: BenchContext, natsUrl: string): Promise<NatsConnection> {
  const connection = await connect({ servers: natsUrl.split(',') });
  started.onStop(() => connection.close());
  await ensureFloorStream(await jetstreamManager(connection), options.replicas);
  return connection;
}

async function startFloor(
  { dir, started }: BenchContext,
  parts: {
    connection: NatsConnection;
    natsUrl: string;
    size: keyof typeof SOCKETS;
    receivers: readonly Worker[];
  },
): Promise<Target> {
  const { connection, natsUrl, size, receivers } = parts;
  const sockets = SOCKETS[size];
  const name = `floor, ${size}`;
  const room = new Room('user-0');
  const subject = `${FLOOR_PREFIX}.${room.id}`;
  const logFile = join(dir, `floor-${size}.log`);
  const worker = started.add(Worker.start('fan-out/floor-server.js', { logFile }));
  const order: FloorOrder = { natsUrl, subject };
  const { url } = await worker.call<{ url: string }>('start', order);
  const greetings = Array.from({ length: sockets }, () => '');
  await openSockets(receivers, name, { url, subprotocol: null, greetings, readyText: null });
  const publish = (payload: Uint8Array) => {
    const marked = headers();
    marked.set('Nats-Msg-Id', uuidv7());
    return connection.request(subject, payload, { timeout: 5_000, headers: marked });
  };
  return { name, pid: worker.pid, sockets, room, publish, receivers };
}

function side(name: string, target: Target, drive: Drive, messages: number): Side {
  return { name, run: () => measure(target, drive, messages) };
}
