import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { Writable } from 'node:stream';
import { errorCatalogue, type Problem } from '@parley/contracts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createAuthenticator } from './auth.ts';
import { LogUnavailable } from './event-log.ts';
import { createHttpServer, type HttpServerOptions } from './http.ts';
import { KeyServer } from './key-server.ts';
import { createLogger } from './log.ts';
import { Metrics } from './metrics.ts';
import { parse } from './parse.ts';
import { ProblemError } from './problem-error.ts';
import { createRateLimiter } from './rate-limit.ts';
import { Readiness } from './readiness.ts';
import { connectRedis } from './redis.ts';

const keys = new KeyServer();
const lines: string[] = [];
const logger = createLogger(
  { name: 'test', level: 'info' },
  new Writable({
    write: (chunk, _encoding, done) => {
      lines.push(String(chunk));
      done();
    },
  }),
);
// Nobody listens on port 1: every limiter here counts in memory, which is the harder way to be exact.
const redis = connectRedis({
  url: 'redis://127.0.0.1:1',
  logger: createLogger({ name: 'test', level: 'silent' }),
});
const readiness = new Readiness();
const bodySchema = z.strictObject({
  text: z.string().max(10),
  extra: z.record(z.string(), z.unknown()).optional(),
});
const closers: (() => Promise<unknown>)[] = [];
let base = '';
let token = '';

type Server = Awaited<ReturnType<typeof createHttpServer>>;

async function build(changes: Partial<HttpServerOptions> = {}): Promise<Server> {
  const { jwksUrl, issuer, audience } = keys;
  const app = await createHttpServer({
    name: 'test',
    corsOrigins: ['https://chat.example'],
    bodyLimitBytes: 100_000,
    logger,
    metrics: new Metrics('test'),
    authenticator: createAuthenticator({ jwksUrl, issuer, audience }),
    rateLimiter: createRateLimiter({ redis, enabled: true, logger, commandsPerMinute: 1_000 }),
    readiness,
    ...changes,
  });
  closers.push(() => app.close());
  return app;
}

function addRoutes(app: Server): void {
  app.post('/echo', { config: { access: 'user', limit: 'commands' } }, async (request) => ({
    user: request.principal.userId,
    body: parse(bodySchema, request.body),
  }));
  app.get('/fail/:how', { config: { access: 'public', limit: 'none' } }, async (request) => {
    const { how } = parse(z.object({ how: z.string() }), request.params);
    if (how === 'log') throw new LogUnavailable('no leader');
    if (how === 'slow') throw new ProblemError('not-yet-visible', { retryAfterMs: 1_200 });
    throw new Error('the secret is 42');
  });
}

async function listen(app: Server): Promise<string> {
  await app.listen({ host: '127.0.0.1', port: 0 });
  return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
}

beforeAll(async () => {
  await keys.start();
  token = await keys.sign();
  const app = await build();
  addRoutes(app);
  base = await listen(app);
});

afterAll(async () => {
  await Promise.all(closers.map((close) => close()));
  redis.disconnect();
  await keys.stop();
});

interface Sent {
  body?: string | Uint8Array<ArrayBuffer>;
  headers?: Record<string, string>;
  method?: string;
}

function post({ body = '{"text":"hi"}', headers = {}, method = 'POST' }: Sent = {}, path = '/echo') {
  return fetch(base + path, {
    method,
    body,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
  });
}

async function problemOf(response: Response): Promise<Problem> {
  expect(response.headers.get('content-type')).toContain('application/problem+json');
  const problem = (await response.json()) as Problem;
  expect(problem.status).toBe(response.status);
  expect(errorCatalogue[problem.code].status).toBe(response.status);
  return problem;
}

/** The status line and body of an answer to bytes that no HTTP client would send. */
async function raw(text: string, at = base): Promise<string> {
  const socket = connect(Number(new URL(at).port), '127.0.0.1');
  socket.write(text);
  let answer = '';
  socket.setEncoding('utf8').on('data', (chunk) => {
    answer += chunk;
  });
  await once(socket, 'close');
  return answer;
}

describe('a request', () => {
  test('reaches its route with the principal of its token', async () => {
    const response = await post();
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ user: 'alice', body: { text: 'hi' } });
  });

  test('gets an id, or keeps a sane one that it brought', async () => {
    expect((await post()).headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect((await post({ headers: { 'x-request-id': 'trace-0001' } })).headers.get('x-request-id')).toBe(
      'trace-0001',
    );
    const odd = await post({ headers: { 'x-request-id': 'a b\u00e9{}' } });
    expect(odd.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('is answered with security headers, also when it fails', async () => {
    for (const response of [await post(), await fetch(`${base}/nowhere`), await post({ body: '{' })]) {
      expect(response.headers.get('x-content-type-options')).toBe('nosniff');
      expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(response.headers.get('strict-transport-security')).toContain('max-age=');
      expect(response.headers.get('x-powered-by')).toBeNull();
    }
  });

  test.each(['bearer', 'BEARER', 'Bearer'])('may spell the scheme %s', async (scheme) => {
    expect((await post({ headers: { authorization: `${scheme} ${token}` } })).status).toBe(200);
  });
});

describe('bad input', () => {
  const deep = (depth: number) => `{"text":"a","extra":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}}`;
  const cases: [name: string, sent: Sent, status: number, code: string][] = [
    ['malformed JSON', { body: '{"text":' }, 400, 'malformed-json'],
    ['no body', { body: '' }, 400, 'malformed-json'],
    ['a JSON value that is no object', { body: '[1]' }, 400, 'invalid-request'],
    ['null', { body: 'null' }, 400, 'invalid-request'],
    ['an unknown field', { body: '{"text":"a","nope":1}' }, 400, 'invalid-request'],
    ['a __proto__ key', { body: '{"text":"a","__proto__":{"admin":true}}' }, 400, 'malformed-json'],
    ['an escaped __proto__ key', { body: '{"text":"a","\\u005f_proto__":{}}' }, 400, 'malformed-json'],
    ['a constructor.prototype key', { body: '{"constructor":{"prototype":{"x":1}}}' }, 400, 'malformed-json'],
    ['deep objects', { body: deep(5_000) }, 400, 'malformed-json'],
    ['deep arrays', { body: '['.repeat(40_000) + ']'.repeat(40_000) }, 400, 'malformed-json'],
    [
      'invalid UTF-8',
      { body: Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d]) },
      400,
      'malformed-json',
    ],
    ['2 MB', { body: JSON.stringify({ text: 'x'.repeat(2_000_000) }) }, 413, 'too-large'],
    ['another content type', { headers: { 'content-type': 'text/plain' } }, 415, 'unsupported-media-type'],
    [
      'a form',
      { headers: { 'content-type': 'multipart/form-data; boundary=x' } },
      415,
      'unsupported-media-type',
    ],
    ['a broken content type', { headers: { 'content-type': ';;;' } }, 415, 'unsupported-media-type'],
    ['an empty content type', { headers: { 'content-type': '' } }, 415, 'unsupported-media-type'],
  ];

  test.each(cases)('%s is refused', async (_name, sent, status, code) => {
    const problem = await problemOf(await post(sent));
    expect([problem.status, problem.code]).toEqual([status, code]);
    expect(problem.instance).toBeTruthy();
  });

  test('names the field', async () => {
    const problem = await problemOf(await post({ body: '{"text":"12345678901"}' }));
    expect(problem.errors).toEqual([{ path: 'text', message: expect.any(String) }]);
  });

  test('values up to 64 deep are taken', async () => {
    expect((await post({ body: deep(62) })).status).toBe(200);
  });

  test.each([
    '/nowhere',
    '/echo/',
    '/ECHO',
    '/fail/%zz',
    '/fail/%c3%28',
    '//',
    '/%2e%2e/',
    `/fail/${'x'.repeat(5_000)}`,
  ])('the path %s is a problem of the client', async (path) => {
    const { status } = await problemOf(await fetch(base + path));
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
  });

  test.each(['GET', 'PUT', 'DELETE', 'OPTIONS', 'HEAD', 'TRACE', 'PROPFIND'])(
    '%s on a route that has another method is a problem of the client',
    async (method) => {
      const answer = await raw(`${method} /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
      expect(answer).toMatch(/^HTTP\/1\.1 (4\d\d|204) /);
    },
  );

  test.each([
    ['garbage', 'hello\r\n\r\n'],
    ['a header without a name', 'GET / HTTP/1.1\r\nhost: x\r\n: y\r\nconnection: close\r\n\r\n'],
    ['two lengths', 'POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab'],
    [
      'a length and chunks',
      'POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    [
      'a header of 20 kB',
      `GET / HTTP/1.1\r\nhost: x\r\nx-long: ${'a'.repeat(20_000)}\r\nconnection: close\r\n\r\n`,
    ],
  ])('%s is answered as a problem', async (_name, text) => {
    const answer = await raw(text);
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(answer).toContain('application/problem+json');
    expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toMatchObject({
      status: expect.any(Number),
    });
  });

  test('duplicate headers never confuse who is asking', async () => {
    const head = `POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 13\r\n`;
    const twice = `${head}authorization: Bearer nonsense\r\nauthorization: Bearer ${token}\r\n\r\n{"text":"hi"}`;
    expect(await raw(twice)).toMatch(/^HTTP\/1\.1 401 /);
  });
});

describe('a token', () => {
  test.each([
    ['missing', ''],
    ['without its scheme', 'x.y.z'],
    ['of another scheme', 'Basic YTpi'],
    ['that is nonsense', 'Bearer x.y.z'],
    ['that is empty', 'Bearer '],
  ])('%s is 401 before the body is read', async (_name, authorization) => {
    const response = await post({ headers: { authorization }, body: '{' });
    expect((await problemOf(response)).code).toBe('unauthenticated');
    expect(response.headers.get('www-authenticate')).toBe('Bearer');
  });

  test('of too many refused ones from one address is told to wait, while a valid one passes', async () => {
    const app = await build();
    addRoutes(app);
    const url = await listen(app);
    const ask = (bearer: string) =>
      fetch(`${url}/echo`, {
        method: 'POST',
        body: '{"text":"hi"}',
        headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
      });
    await expect.poll(async () => (await ask('bad')).status, { interval: 1, timeout: 10_000 }).toBe(429);
    const refused = await ask('bad');
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await problemOf(refused)).code).toBe('rate-limited');
    expect((await ask(token)).status).toBe(200);
  });
});

describe('an error', () => {
  test('that nobody expected is 500 without its detail, logged under the request id', async () => {
    const response = await fetch(`${base}/fail/unknown`, { headers: { 'x-request-id': 'trace-0500' } });
    const problem = await problemOf(response);
    expect(problem).toMatchObject({ code: 'internal', instance: 'trace-0500' });
    expect(JSON.stringify(problem)).not.toContain('42');
    const logged = lines.map((line) => JSON.parse(line)).find((line) => line.requestId === 'trace-0500');
    expect(logged).toMatchObject({ level: 'error', error: { message: 'the secret is 42' } });
  });

  test('of the log is 503 with Retry-After', async () => {
    const response = await fetch(`${base}/fail/log`);
    expect((await problemOf(response)).code).toBe('unavailable');
    expect(response.headers.get('retry-after')).toBe('1');
  });

  test('that says when to retry has it in seconds, rounded up, and exactly', async () => {
    const response = await fetch(`${base}/fail/slow`);
    expect(response.headers.get('retry-after')).toBe('2');
    expect(await problemOf(response)).toMatchObject({ code: 'not-yet-visible', retryAfterMs: 1_200 });
  });
});

describe('limits', () => {
  test('are told in every answer, and refuse with the exact wait', async () => {
    const app = await build({
      rateLimiter: createRateLimiter({ redis, enabled: true, logger, commandsPerMinute: 2 }),
    });
    addRoutes(app);
    base = await listen(app);
    const [first, , third] = [await post(), await post(), await post()];
    expect([first.headers.get('ratelimit-limit'), first.headers.get('ratelimit-remaining')]).toEqual([
      '2',
      '1',
    ]);
    const problem = await problemOf(third);
    expect(problem.code).toBe('rate-limited');
    expect(third.headers.get('retry-after')).toBe(String(Math.ceil((problem.retryAfterMs ?? 0) / 1000)));
    expect(third.headers.get('ratelimit-reset')).toBe(third.headers.get('retry-after'));
  });

  test('turn requests away while the event loop is late, but never health', async () => {
    const app = await build({ maxLoopDelayMs: 5 });
    addRoutes(app);
    const url = await listen(app);
    const block = setInterval(() => {
      const until = performance.now() + 100;
      while (performance.now() < until);
    }, 5);
    try {
      const turnedAway = async () => (await fetch(`${url}/nowhere`)).status;
      await expect.poll(turnedAway, { timeout: 20_000 }).toBe(503);
      const response = await fetch(`${url}/nowhere`);
      expect((await problemOf(response)).code).toBe('overloaded');
      expect(response.headers.get('retry-after')).toBe('2');
      expect((await fetch(`${url}/health/live`)).status).toBe(200);
    } finally {
      clearInterval(block);
    }
  });
});

describe('browsers', () => {
  const preflight = (origin: string) =>
    fetch(`${base}/echo`, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization',
      },
    });

  test('of a listed origin may ask, send their token and read the Parley headers', async () => {
    const asked = await preflight('https://chat.example');
    expect(asked.status).toBe(204);
    expect(asked.headers.get('access-control-allow-origin')).toBe('https://chat.example');
    expect(asked.headers.get('access-control-allow-headers')).toContain('authorization');
    expect(asked.headers.get('access-control-allow-headers')).toContain('idempotency-key');
    const answered = await post({ headers: { origin: 'https://chat.example' } });
    expect(answered.headers.get('access-control-allow-origin')).toBe('https://chat.example');
    expect(answered.headers.get('access-control-expose-headers')).toContain('parley-position');
    expect(answered.headers.get('access-control-expose-headers')).toContain('retry-after');
  });

  test.each(['https://evil.example', 'https://chat.example.evil.example', 'http://chat.example', 'null'])(
    'of %s get no permission, and no answer is shared between origins',
    async (origin) => {
      for (const response of [await preflight(origin), await post({ headers: { origin } })]) {
        expect(response.headers.get('access-control-allow-origin')).toBeNull();
        expect(response.headers.get('access-control-allow-credentials')).toBeNull();
        expect(response.headers.get('vary')?.toLowerCase()).toContain('origin');
      }
    },
  );
});

describe('routes', () => {
  test('without a declared rule cannot be registered', async () => {
    const app = await build();
    expect(() => app.get('/open', async () => 'x')).toThrow('GET /open declares no rule');
    expect(() => app.get('/half', { config: { access: 'user' } as never }, async () => 'x')).toThrow(
      'no rule',
    );
    expect(() => app.route({ method: ['GET', 'POST'], url: '/two', handler: async () => 'x' })).toThrow(
      'no rule',
    );
  });

  test('of health say what is wrong', async () => {
    expect(await (await fetch(`${base}/health/ready`)).json()).toEqual({ ready: true, reasons: [] });
    readiness.check('log', () => {
      throw new Error('no leader');
    });
    const response = await fetch(`${base}/health/ready`);
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ ready: false, reasons: ['log: no leader'] });
    expect((await fetch(`${base}/health/live`)).status).toBe(200);
  });

  test('are counted and timed by name and status, not by path', async () => {
    const app = await build();
    addRoutes(app);
    const url = await listen(app);
    for (const path of ['/fail/log', '/fail/slow', '/nowhere/1', '/nowhere/2']) await fetch(url + path);
    const text = await (await fetch(`${url}/metrics`)).text();
    expect(text).toMatch(/parley_http_request_seconds_count{[^}]*route="\/fail\/:how",status="503"[^}]*} 2/);
    expect(text).toMatch(/parley_http_request_seconds_count{[^}]*route="none",status="404"[^}]*} 2/);
    expect(text).not.toContain('/nowhere');
  });
});
