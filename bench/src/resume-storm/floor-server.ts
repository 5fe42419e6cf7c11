import { createLogger, openEventLog } from '@parley/runtime';
import { type WebSocket, WebSocketServer } from 'ws';
import { answerCalls } from '../frame/worker.ts';

/** The floor: the commits in memory, by subject; a client names its subject and is sent them in one frame, then `live`. */
export interface FloorOrder {
  natsUrl: string;
  replicas: 1 | 3;
  after: number;
  until: number;
}

/** The first frame of a client of the floor. */
export interface FloorGreeting {
  subject: string;
  /** As long as a token. */
  token: string;
}

answerCalls({ start });

const OPEN = Buffer.from('{"t":"commits","items":[');
const COMMA = Buffer.from(',');
const CLOSE = Buffer.from(']}');
const LIVE = '{"t":"live"}';
/** As the gateway's HTTP server has it. */
const BACKLOG = 511;

async function start(order: FloorOrder): Promise<{ url: string }> {
  const items = await readItems(order);
  const server = new WebSocketServer({
    host: '127.0.0.1',
    port: 0,
    backlog: BACKLOG,
    perMessageDeflate: false,
  });
  server.on('connection', (socket) => {
    socket.on('error', () => undefined);
    socket.once('message', (data: Buffer) => serve(socket, items, data));
  });
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  if (typeof address !== 'object' || !address) throw new Error('the floor does not listen');
  return { url: `ws://127.0.0.1:${address.port}` };
}

function serve(socket: WebSocket, items: ReadonlyMap<string, readonly Buffer[]>, greeting: Buffer): void {
  const { subject } = JSON.parse(greeting.toString()) as FloorGreeting;
  const parts = (items.get(subject) ?? []).flatMap((item, index) => (index === 0 ? [item] : [COMMA, item]));
  socket.send(Buffer.concat([OPEN, ...parts, CLOSE]), { binary: false });
  socket.send(LIVE);
}

async function readItems({ natsUrl, replicas, after, until }: FloorOrder): Promise<Map<string, Buffer[]>> {
  const logger = createLogger({ name: 'bench', level: 'error' });
  const { log, close } = await openEventLog({ natsUrl, replicas, name: 'bench-floor', logger });
  const items = new Map<string, Buffer[]>();
  const subscription = log.subscribe({ afterSequence: after });
  for await (const records of subscription) {
    for (const { sequence, subject, payload } of records) {
      const known = items.get(subject) ?? [];
      items.set(subject, known);
      known.push(Buffer.concat([Buffer.from(`{"seq":${sequence},"events":`), payload, Buffer.from('}')]));
    }
    if ((records.at(-1)?.sequence ?? 0) >= until) break;
  }
  await subscription.close();
  await close();
  return items;
}
