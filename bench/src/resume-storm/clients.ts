import { WebSocket } from 'ws';
import { stampsIn } from '../fan-out/marker.ts';
import { newLatencies, nowMicroseconds, packLatencies, recordLatency } from '../frame/latency.ts';
import { answerCalls } from '../frame/worker.ts';

/** A process of clients that come back all at once. */
export interface StormOrder {
  url: string;
  subprotocol: string | null;
  /** First frame of each client, one socket for each. */
  greetings: string[];
  /** Messages that each has missed. */
  missed: number;
}

export interface StormReport {
  beganUs: number;
  /** When the last client was live and had everything. */
  endedUs: number;
  /** From the beginning of all to the end of each. */
  latencies: string;
  fewest: number;
  most: number;
  /** Messages that came after a younger one on the same socket. */
  outOfOrder: number;
}

interface Client {
  socket: WebSocket;
  received: number;
  newest: number;
}

/**
 * Handshakes under way. The backlog of a listening Node server is 511: what comes on top of it is dropped by the kernel
 * and tried again a second later, which would be all that is measured.
 */
const HANDSHAKES_AT_ONCE = 200;
const LIVE = '"t":"live"';

let clients: Client[] = [];

answerCalls({ storm, leave });

/** Resolves when every client has what it missed and is live. */
async function storm(order: StormOrder): Promise<StormReport> {
  const latencies = newLatencies();
  const report = { outOfOrder: 0 };
  const waiting = [...order.greetings].reverse();
  const beganUs = nowMicroseconds();
  clients = [];
  await new Promise<void>((resolve, reject) => {
    let served = 0;
    const next = (): void => {
      const greeting = waiting.pop();
      if (greeting === undefined) return;
      const client = open(order, greeting, {
        opened: next,
        failed: reject,
        late: () => report.outOfOrder++,
        live() {
          recordLatency(latencies, nowMicroseconds() - beganUs);
          if (++served === order.greetings.length) resolve();
        },
      });
      clients.push(client);
    };
    for (let index = 0; index < HANDSHAKES_AT_ONCE; index++) next();
  });
  const received = clients.map((client) => client.received);
  return {
    beganUs,
    endedUs: nowMicroseconds(),
    latencies: packLatencies(latencies),
    fewest: Math.min(...received),
    most: Math.max(...received),
    ...report,
  };
}

function open(
  order: StormOrder,
  greeting: string,
  told: { opened(): void; failed(error: Error): void; late(): void; live(): void },
): Client {
  const socket = new WebSocket(order.url, order.subprotocol ?? [], { perMessageDeflate: false });
  const client: Client = { socket, received: 0, newest: -1 };
  let isLive = false;
  let isServed = false;
  socket.on('open', () => {
    socket.send(greeting);
    told.opened();
  });
  socket.on('error', told.failed);
  socket.on('close', (code, reason) => told.failed(new Error(`closed ${code} ${reason}`)));
  socket.on('message', (data: Buffer) => {
    let found = 0;
    for (const stamp of stampsIn(data)) {
      found++;
      if (stamp <= client.newest) told.late();
      client.newest = stamp;
    }
    client.received += found;
    isLive ||= found === 0 && data.includes(LIVE);
    if (isServed || !isLive || client.received < order.missed) return;
    isServed = true;
    told.live();
  });
  return client;
}

/** Resolves when the server has let go of all of them. */
async function leave(): Promise<void> {
  const leaving = clients;
  clients = [];
  await Promise.all(
    leaving.map(
      ({ socket }) =>
        new Promise<void>((resolve) => {
          socket.once('close', () => resolve());
          socket.close(1000);
        }),
    ),
  );
}
