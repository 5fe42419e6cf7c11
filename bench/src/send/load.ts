import { uuidv7 } from 'uuidv7';
import { newLatencies, nowMicroseconds, packLatencies, recordLatency } from '../frame/latency.ts';
import { answerCalls } from '../frame/worker.ts';
import { HttpConnection } from './http-connection.ts';

/** The load generator: a process of its own, so that its work is not the servers' and its pauses are seen as latency. */
export interface LoadOrder {
  url: string;
  /** One connection for each, with one request in flight. */
  tokens: string[];
  conversations: string[];
  bodyBytes: number;
  warmUpMs: number;
  measureMs: number;
}

export interface LoadReport {
  /** Every accepted command, warm-up and tail included: what the log must have gained. */
  accepted: number;
  /** Accepted between the end of the warm-up and the end of the measured time. */
  measured: number;
  measuredMs: number;
  /** Of the measured ones. */
  latencies: string;
  failures: number;
  firstFailure: string | null;
}

answerCalls({ run });

async function run(order: LoadOrder): Promise<LoadReport> {
  const { hostname, port } = new URL(order.url);
  const connections = await Promise.all(
    order.tokens.map(async (token) => ({ token, http: await HttpConnection.open(hostname, Number(port)) })),
  );
  const tails = order.conversations.map((id) => requestTail(id, order.bodyBytes));
  const measureFrom = performance.now() + order.warmUpMs;
  const until = measureFrom + order.measureMs;
  const latencies = newLatencies();
  const report = { accepted: 0, measured: 0, failures: 0, firstFailure: null as string | null };
  const drive = async ({ token, http }: (typeof connections)[number]) => {
    const head = requestHead(order.url, token);
    while (performance.now() < until) {
      const tail = tails[Math.floor(Math.random() * tails.length)] ?? '';
      const begin = nowMicroseconds();
      const { status, body } = await http.exchange(`${head}${uuidv7()}${tail}`);
      const end = performance.now();
      if (status !== 200) {
        report.failures++;
        report.firstFailure ??= `${status} ${body}`;
        continue;
      }
      report.accepted++;
      if (end < measureFrom || end > until) continue;
      report.measured++;
      recordLatency(latencies, nowMicroseconds() - begin);
    }
  };
  try {
    await Promise.all(connections.map(drive));
  } finally {
    for (const { http } of connections) http.close();
  }
  return { ...report, measuredMs: order.measureMs, latencies: packLatencies(latencies) };
}

function requestHead(url: string, token: string): string {
  return [
    'POST /v1/commands/message.send HTTP/1.1',
    `host: ${new URL(url).host}`,
    `authorization: Bearer ${token}`,
    'content-type: application/json',
    'idempotency-key: ',
  ].join('\r\n');
}

function requestTail(conversationId: string, bodyBytes: number): string {
  const json = JSON.stringify({ conversationId, body: 'x'.repeat(bodyBytes) });
  return `\r\ncontent-length: ${json.length}\r\n\r\n${json}`;
}
