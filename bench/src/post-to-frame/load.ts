import { connect, headers, type NatsConnection } from '@nats-io/transport-node';
import { uuidv7 } from 'uuidv7';
import { stampedBody } from '../fan-out/marker.ts';
import { Room } from '../fan-out/room.ts';
import { onSchedule } from '../frame/on-schedule.ts';
import { answerCalls } from '../frame/worker.ts';
import { HttpConnection } from '../send/http-connection.ts';

/** The open loop, a process of its own: what it sends carries the time at which it was to be sent. */
interface Schedule {
  perSecond: number;
  messages: number;
  bodyBytes: number;
}

export interface PostOrder extends Schedule {
  url: string;
  /** Each sends to its own conversation, over a connection of its own, in turns. */
  senders: { token: string; conversationId: string }[];
}

export interface PublishOrder extends Schedule {
  natsUrl: string;
  /** Each message is stored under one of them, in turns. */
  subjects: string[];
}

let connection: NatsConnection | undefined;

answerCalls({ post, publish });

/** Resolves when every message has been accepted; rejects when one has not. */
async function post({ url, senders, bodyBytes, ...schedule }: PostOrder): Promise<void> {
  const { hostname, port } = new URL(url);
  const lines = await Promise.all(
    senders.map(async (sender) => ({
      ...sender,
      http: await HttpConnection.open(hostname, Number(port)),
      last: Promise.resolve(),
    })),
  );
  try {
    await onSchedule(cadence(schedule), (intended, index) => {
      const line = lines[index % lines.length];
      if (!line) return;
      const body = stampedBody(intended, bodyBytes);
      const request = requestText({ url, ...line, body });
      line.last = line.last.then(async () => {
        const answer = await line.http.exchange(request);
        if (answer.status !== 200) throw new Error(`a message was refused: ${answer.status} ${answer.body}`);
      });
      // Told below; until then it must not count as unhandled.
      line.last.catch(() => undefined);
    });
    await Promise.all(lines.map(({ last }) => last));
  } finally {
    for (const { http } of lines) http.close();
  }
}

/** Resolves when every message has been stored. */
async function publish({ natsUrl, subjects, bodyBytes, ...schedule }: PublishOrder): Promise<void> {
  connection ??= await connect({ servers: natsUrl.split(',') });
  const nats = connection;
  const room = new Room('user-0');
  const stored: Promise<unknown>[] = [];
  await onSchedule(cadence(schedule), (intended, index) => {
    const marked = headers();
    marked.set('Nats-Msg-Id', uuidv7());
    const payload = room.message(stampedBody(intended, bodyBytes));
    const subject = subjects[index % subjects.length] ?? '';
    stored.push(nats.request(subject, payload, { timeout: 5_000, headers: marked }));
  });
  await Promise.all(stored);
}

function cadence({ perSecond, messages }: Omit<Schedule, 'bodyBytes'>): { everyUs: number; count: number } {
  return { everyUs: 1e6 / perSecond, count: messages };
}

function requestText(parts: { url: string; token: string; conversationId: string; body: string }): string {
  const json = JSON.stringify({ conversationId: parts.conversationId, body: parts.body });
  return [
    'POST /v1/commands/message.send HTTP/1.1',
    `host: ${new URL(parts.url).host}`,
    `authorization: Bearer ${parts.token}`,
    'content-type: application/json',
    `idempotency-key: ${uuidv7()}`,
    `content-length: ${json.length}`,
    '',
    json,
  ].join('\r\n');
}
