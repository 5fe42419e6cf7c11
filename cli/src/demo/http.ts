import { Agent, request as httpRequest } from 'node:http';

export interface HttpAnswer {
  status: number;
  headers: NodeJS.Dict<string | string[]>;
  /** The parsed body; undefined when it is not JSON. */
  json: unknown;
}

export interface HttpRequest {
  method: 'GET' | 'POST';
  url: string;
  headers?: Record<string, string>;
  body?: unknown;
  signal?: AbortSignal | undefined;
}

export type Http = (request: HttpRequest) => Promise<HttpAnswer>;

const TIMEOUT_MS = 30_000;

/**
 * HTTP over at most `connections` kept-alive connections per host, which Node's own fetch cannot promise. Rejects when
 * there is no complete answer.
 */
export function createHttp(connections: number): { send: Http; close(): void } {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  return { send: (request) => send(agent, request), close: () => agent.destroy() };
}

function send(agent: Agent, { method, url, headers, body, signal }: HttpRequest): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const payload = body === undefined ? null : Buffer.from(JSON.stringify(body));
    const content = payload && { 'content-type': 'application/json', 'content-length': payload.length };
    const request = httpRequest(
      url,
      { agent, method, headers: { ...headers, ...content }, timeout: TIMEOUT_MS, ...(signal && { signal }) },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('error', reject);
        response.once('end', () => {
          if (!response.complete) return reject(new Error('the answer was cut off'));
          const json = parseJson(Buffer.concat(chunks).toString());
          resolve({ status: response.statusCode ?? 0, headers: response.headers, json });
        });
      },
    );
    request.once('timeout', () => request.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
    request.once('error', reject);
    request.end(payload);
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
