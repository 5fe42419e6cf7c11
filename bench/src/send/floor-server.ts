import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { commandSchemas } from '@parley/contracts';
import { fastify } from 'fastify';
import { FLOOR_PREFIX } from '../frame/floor-stream.ts';
import { answerCalls } from '../frame/worker.ts';

/** The floor: the least code that takes the same request, checks its body and has it stored before it answers. */
export interface FloorOrder {
  natsUrl: string;
  /** Size of what is published; the message itself is a part of it. */
  payloadBytes: number;
}

answerCalls({ start });

async function start({ natsUrl, payloadBytes }: FloorOrder): Promise<{ url: string }> {
  const connection = await connect({ servers: natsUrl.split(',') });
  // Asked once so that a missing stream shows now and not in the first publish.
  await jetstreamManager(connection);
  const client = jetstream(connection);
  const schema = commandSchemas['message.send'].data;
  const app = fastify();
  app.post('/v1/commands/message.send', async (request) => {
    const data = schema.parse(request.body);
    const text = JSON.stringify({ ...data, padding: '' });
    const padding = ' '.repeat(Math.max(0, payloadBytes - text.length));
    const ack = await client.publish(`${FLOOR_PREFIX}.${data.conversationId}`, text + padding);
    return { sequence: ack.seq };
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const address = app.server.address();
  if (typeof address !== 'object' || !address) throw new Error('the floor does not listen');
  return { url: `http://127.0.0.1:${address.port}` };
}
