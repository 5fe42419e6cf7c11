import { once } from 'node:events';
import { WebSocket } from 'ws';
import { answerCalls } from '../frame/worker.ts';

/** A process of sockets that are sent much: some take it, some do not. */
export interface ReadersOrder {
  url: string;
  subprotocol: string;
  /** First frame of each socket. */
  greetings: string[];
}

const READY = '"t":"live"';

let reading: WebSocket[] = [];
let stalled: WebSocket[] = [];

answerCalls({ read, stall, drop, close });

/** Opens sockets that take whatever comes. */
async function read(order: ReadersOrder): Promise<void> {
  reading = await open(order);
}

/** Opens sockets that take nothing more once they are live. */
async function stall(order: ReadersOrder): Promise<void> {
  stalled = await open(order);
  for (const socket of stalled) socket.pause();
}

/** Lets go of the stalled ones, for when the server has closed them. */
function drop(): void {
  for (const socket of stalled) socket.terminate();
  stalled = [];
}

async function close(): Promise<void> {
  const closed = reading.map((socket) => once(socket, 'close'));
  for (const socket of reading) socket.close(1000);
  reading = [];
  await Promise.all(closed);
}

function open({ url, subprotocol, greetings }: ReadersOrder): Promise<WebSocket[]> {
  return Promise.all(
    greetings.map(
      (greeting) =>
        new Promise<WebSocket>((resolve, reject) => {
          const socket = new WebSocket(url, subprotocol, { perMessageDeflate: false });
          socket.once('open', () => socket.send(greeting));
          // Also later: what the server cuts while nobody reads ends with one.
          socket.on('error', reject);
          socket.once('close', (code) => reject(new Error(`closed ${code}`)));
          socket.on('message', (data: Buffer) => {
            // What comes later is large, and searched for nothing.
            if (data.length < 1_000 && data.includes(READY)) resolve(socket);
          });
        }),
    ),
  );
}
