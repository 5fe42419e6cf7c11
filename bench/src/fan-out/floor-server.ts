import { DeliverPolicy, jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { type WebSocket, WebSocketServer } from 'ws';
import { FLOOR_STREAM } from '../frame/floor-stream.ts';
import { answerCalls } from '../frame/worker.ts';

/** The floor: an ordered consumer, one frame per message, one `send` per socket. */
export interface FloorOrder {
  natsUrl: string;
  /** Only what is stored under it is sent. */
  subject: string;
}

answerCalls({ start });

const BEFORE = Buffer.from('{"t":"commits","items":[{"seq":');
const BETWEEN = Buffer.from(',"events":');
const AFTER = Buffer.from('}]}');

async function start({ natsUrl, subject }: FloorOrder): Promise<{ url: string }> {
  const connection = await connect({ servers: natsUrl.split(',') });
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
  const sockets = new Set<WebSocket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
  });
  await new Promise((resolve) => server.once('listening', resolve));
  void follow(connection, subject, sockets);
  const address = server.address();
  if (typeof address !== 'object' || !address) throw new Error('the floor does not listen');
  return { url: `ws://127.0.0.1:${address.port}` };
}

async function follow(
  connection: Awaited<ReturnType<typeof connect>>,
  subject: string,
  sockets: ReadonlySet<WebSocket>,
): Promise<void> {
  const consumer = await jetstream(connection).consumers.get(FLOOR_STREAM, {
    deliver_policy: DeliverPolicy.New,
    filter_subjects: subject,
  });
  for await (const message of await consumer.consume({ max_messages: 5_000 })) {
    const frame = Buffer.concat([BEFORE, Buffer.from(String(message.seq)), BETWEEN, message.data, AFTER]);
    for (const socket of sockets) socket.send(frame, { binary: false });
  }
}
