import { WebSocketServer } from 'ws';
import { answerCalls } from '../frame/worker.ts';

/** The floor: a raw `ws` server that answers the first frame of each socket and does nothing more. */
export interface FloorAddress {
  url: string;
}

const ANSWER = '{"t":"live"}';

answerCalls({ start });

async function start(): Promise<FloorAddress> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
  server.on('connection', (socket) => {
    socket.on('message', () => socket.send(ANSWER));
    socket.on('error', () => undefined);
  });
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  if (typeof address !== 'object' || !address) throw new Error('the floor does not listen');
  return { url: `ws://127.0.0.1:${address.port}` };
}
