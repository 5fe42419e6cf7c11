import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { Writable } from 'node:stream';
import { errorCatalogue, type Problem } from '@parley/contracts';
import { expect } from 'vitest';
import { z } from 'zod';
import { createAuthenticator } from './auth.ts';
import { LogUnavailable } from './event-log.ts';
import { createHttpServer, type HttpServerOptions } from './http.ts';
import { KeyServer } from './key-server.ts';
import { createLogger } from './log.ts';
import { Metrics } from './metrics.ts';
import { parse } from './parse.ts';
import { ProblemError } from './problem-error.ts';
import { createRateLimiter, type RateLimiter } from './rate-limit.ts';
import { Readiness } from './readiness.ts';
import { connectRedis } from './redis.ts';

const bodySchema = z.strictObject({
  text: z.string().max(10),
  extra: z.record(z.string(), z.unknown()).optional(),
});

export interface Sent {
  body?: string | Uint8Array<ArrayBuffer>;
  headers?: Record<string, string>;
}

export type ProbeServer = Awaited<ReturnType<typeof createHttpServer>>;

/** Servers for the HTTP tests, with a real issuer, and Redis away: limits are counted in memory. */
export class HttpProbe {
  readonly keys = new KeyServer();
  readonly readiness = new Readiness();
  /** What was logged. */
  readonly lines: string[] = [];
  token = '';
  readonly #logger = createLogger(
    { name: 'probe', level: 'info' },
    new Writable({
      write: (chunk, _encoding, done) => {
        this.lines.push(String(chunk));
        done();
      },
    }),
  );
  // Nobody listens on port 1.
  readonly #redis = connectRedis({
    url: 'redis://127.0.0.1:1',
    logger: createLogger({ name: 'probe', level: 'silent' }),
  });
  readonly #servers: ProbeServer[] = [];

  async start(): Promise<void> {
    await this.keys.start();
    this.token = await this.keys.sign();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close()));
    this.#redis.disconnect();
    await this.keys.stop();
  }

  limiter(commandsPerMinute: number): RateLimiter {
    return createRateLimiter({ redis: this.#redis, enabled: true, logger: this.#logger, commandsPerMinute });
  }

  async build(changes: Partial<HttpServerOptions> = {}): Promise<ProbeServer> {
    const { jwksUrl, issuer, audience } = this.keys;
    const server = await createHttpServer({
      name: 'probe',
      corsOrigins: ['https://chat.example'],
      bodyLimitBytes: 100_000,
      logger: this.#logger,
      metrics: new Metrics('probe'),
      authenticator: createAuthenticator({ jwksUrl, issuer, audience }),
      rateLimiter: this.limiter(1_000),
      readiness: this.readiness,
      ...changes,
    });
    this.#servers.push(server);
    return server;
  }

  /** A server with `POST /echo` for users and `GET /fail/:how`; its address. */
  async serve(changes: Partial<HttpServerOptions> = {}): Promise<string> {
    const server = await this.build(changes);
    addRoutes(server);
    await server.listen({ host: '127.0.0.1', port: 0 });
    return `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`;
  }

  post(at: string, { body = '{"text":"hi"}', headers = {} }: Sent = {}): Promise<Response> {
    return fetch(`${at}/echo`, {
      method: 'POST',
      body,
      headers: { authorization: `Bearer ${this.token}`, 'content-type': 'application/json', ...headers },
    });
  }
}

function addRoutes(server: ProbeServer): void {
  server.post('/echo', { config: { access: 'user', limit: 'commands' } }, async (request) => ({
    user: request.principal.userId,
    body: parse(bodySchema, request.body),
  }));
  server.get('/fail/:how', { config: { access: 'public', limit: 'none' } }, async (request) => {
    const { how } = parse(z.object({ how: z.string() }), request.params);
    if (how === 'log') throw new LogUnavailable('no leader');
    if (how === 'slow') throw new ProblemError('not-yet-visible', { retryAfterMs: 1_200 });
    throw new Error('the secret is 42');
  });
}

/** The problem of an answer, which must be one in every respect. */
export async function problemOf(response: Response): Promise<Problem> {
  expect(response.headers.get('content-type')).toContain('application/problem+json');
  const problem = (await response.json()) as Problem;
  expect(problem.status).toBe(response.status);
  expect(errorCatalogue[problem.code].status).toBe(response.status);
  return problem;
}

/** The whole answer to bytes that no HTTP client would send. */
export async function sendRaw(at: string, text: string): Promise<string> {
  const socket = connect(Number(new URL(at).port), '127.0.0.1');
  socket.write(text);
  let answer = '';
  socket.setEncoding('utf8').on('data', (chunk) => {
    answer += chunk;
  });
  await once(socket, 'close');
  return answer;
}
