import { connect } from 'node:net';

/** A cluster without a leader does not answer at all. */
const DEADLINE_MS = 2_000;

/**
 * What an operator's tool does: one request to JetStream's own API, over a connection of its own, answered by the
 * parsed JSON. Rejects when the server reports an error, or nothing in time.
 */
export async function askJetStream<T>(natsUrl: string, subject: string, request: unknown = {}): Promise<T> {
  const { hostname, port } = new URL(natsUrl.split(',')[0] ?? '');
  const socket = connect({ host: hostname, port: Number(port), signal: AbortSignal.timeout(DEADLINE_MS) });
  socket.setEncoding('utf8');
  const body = JSON.stringify(request);
  socket.write(
    'CONNECT {"verbose":false,"pedantic":false}\r\nSUB answer 1\r\n' +
      `PUB $JS.API.${subject} answer ${Buffer.byteLength(body)}\r\n${body}\r\n`,
  );
  try {
    let text = '';
    for await (const chunk of socket) {
      text += chunk;
      const answer = /MSG answer 1 \d+\r\n(.*)\r\n/.exec(text)?.[1];
      if (answer === undefined) continue;
      const parsed = JSON.parse(answer) as T & { error?: { description: string } };
      if (parsed.error) throw new Error(`${subject}: ${parsed.error.description}`);
      return parsed;
    }
    throw new Error(`${subject}: the connection ended without an answer`);
  } finally {
    socket.destroy();
  }
}
