import { WebSocket } from 'ws';
import { newLatencies, nowMicroseconds, packLatencies, recordLatency } from '../frame/latency.ts';
import { answerCalls } from '../frame/worker.ts';
import { stampsIn } from './marker.ts';

/** A process of receiving sockets: they count messages by their marker and parse nothing. */
export interface OpenOrder {
  url: string;
  subprotocol: string | null;
  /** First frame of each socket, one socket for each. */
  greetings: string[];
  /** A frame that says so ends the opening; null = open is enough. */
  readyText: string | null;
}

/** What arrived since `begin`. */
export interface ReceiptReport {
  deliveries: number;
  frames: number;
  fewestPerSocket: number;
  mostPerSocket: number;
  /** Messages that came after a younger one on the same socket. */
  outOfOrder: number;
  latencies: string;
}

const HEARTBEAT = '"t":"hb"';
const HEARTBEAT_ANSWER = '{"t":"hb"}';
const OPEN_AT_ONCE = 50;

let latencies = newLatencies();
let deliveries = 0;
let frames = 0;
let outOfOrder = 0;
const sockets = new Map<string, WebSocket[]>();
let wanted: { deliveries: number; reached(): void } | null = null;
const sets = new Map<string, { received: number; newest: number }[]>();
let current: { received: number; newest: number }[] = [];

answerCalls({ open, close, begin, reach, report });

/** More of them under the same name join those before. */
async function open({ name, order }: { name: string; order: OpenOrder }): Promise<void> {
  const set = order.greetings.map(() => ({ received: 0, newest: 0 }));
  const opened = sockets.get(name) ?? [];
  sets.set(name, [...(sets.get(name) ?? []), ...set]);
  sockets.set(name, opened);
  for (let from = 0; from < order.greetings.length; from += OPEN_AT_ONCE) {
    const some = order.greetings.slice(from, from + OPEN_AT_ONCE);
    await Promise.all(
      some.map((greeting, index) => {
        const socket = new WebSocket(order.url, order.subprotocol ?? [], { perMessageDeflate: false });
        opened.push(socket);
        return greet(socket, { greeting, readyText: order.readyText, count: set[from + index] });
      }),
    );
  }
}

/** Resolves when the server has let go of every socket that was opened under this name. */
async function close(name: string): Promise<void> {
  const closing = sockets.get(name) ?? [];
  sockets.delete(name);
  sets.delete(name);
  await Promise.all(
    closing.map(
      (socket) =>
        new Promise<void>((resolve) => {
          socket.once('close', () => resolve());
          socket.close(1000);
        }),
    ),
  );
}

function greet(
  socket: WebSocket,
  greeted: {
    greeting: string;
    readyText: string | null;
    count: { received: number; newest: number } | undefined;
  },
): Promise<void> {
  const { greeting, readyText, count } = greeted;
  return new Promise((resolve, reject) => {
    socket.on('open', () => {
      if (greeting) socket.send(greeting);
      if (readyText === null) resolve();
    });
    socket.on('error', reject);
    // A closed socket is seen by what does not arrive: the run then ends with an error.
    socket.on('close', (code, reason) => reject(new Error(`closed ${code} ${reason}`)));
    socket.on('message', (data: Buffer) => {
      if (count && take(data, count) > 0) return;
      if (readyText !== null && data.includes(readyText)) resolve();
      if (data.includes(HEARTBEAT)) socket.send(HEARTBEAT_ANSWER);
    });
  });
}

function take(frame: Buffer, count: { received: number; newest: number }): number {
  const now = nowMicroseconds();
  let found = 0;
  for (const stamp of stampsIn(frame)) {
    found++;
    recordLatency(latencies, now - stamp);
    if (stamp < count.newest) outOfOrder++;
    else count.newest = stamp;
  }
  if (found === 0) return 0;
  frames++;
  deliveries += found;
  count.received += found;
  if (wanted && deliveries >= wanted.deliveries) {
    const { reached } = wanted;
    wanted = null;
    reached();
  }
  return found;
}

/** Counts from zero, for the sockets opened under this name. */
function begin(name: string): void {
  current = sets.get(name) ?? [];
  for (const count of current) Object.assign(count, { received: 0, newest: 0 });
  latencies = newLatencies();
  deliveries = 0;
  frames = 0;
  outOfOrder = 0;
}

/** Resolves with the time when so many messages have arrived in all since `begin`, in microseconds. */
function reach(total: number): Promise<number> {
  if (deliveries >= total) return Promise.resolve(nowMicroseconds());
  return new Promise((resolve) => {
    wanted = { deliveries: total, reached: () => resolve(nowMicroseconds()) };
  });
}

function report(): ReceiptReport {
  const received = current.map((count) => count.received);
  return {
    deliveries,
    frames,
    fewestPerSocket: Math.min(...received),
    mostPerSocket: Math.max(...received),
    outOfOrder,
    latencies: packLatencies(latencies),
  };
}
