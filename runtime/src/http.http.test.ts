import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HttpProbe, problemOf, type Sent, sendRaw } from './http-probe.ts';

const probe = new HttpProbe();
let base = '';

beforeAll(async () => {
  await probe.start();
  base = await probe.serve();
});
afterAll(() => probe.stop());

describe('a request', () => {
  test('reaches its route with the principal of its token', async () => {
    const response = await probe.post(base);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ user: 'alice', body: { text: 'hi' } });
  });

  test('gets an id, or keeps a sane one that it brought', async () => {
    expect((await probe.post(base)).headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(
      (await probe.post(base, { headers: { 'x-request-id': 'trace-0001' } })).headers.get('x-request-id'),
    ).toBe('trace-0001');
    const odd = await probe.post(base, { headers: { 'x-request-id': 'a b\u00e9{}' } });
    expect(odd.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('is answered with security headers, also when it fails', async () => {
    for (const response of [
      await probe.post(base),
      await fetch(`${base}/nowhere`),
      await probe.post(base, { body: '{' }),
    ]) {
      expect(response.headers.get('x-content-type-options')).toBe('nosniff');
      expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(response.headers.get('strict-transport-security')).toContain('max-age=');
      expect(response.headers.get('x-powered-by')).toBeNull();
    }
  });

  test.each(['bearer', 'BEARER', 'Bearer'])('may spell the scheme %s', async (scheme) => {
    expect((await probe.post(base, { headers: { authorization: `${scheme} ${probe.token}` } })).status).toBe(
      200,
    );
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
    const problem = await problemOf(await probe.post(base, sent));
    expect([problem.status, problem.code]).toEqual([status, code]);
    expect(problem.instance).toBeTruthy();
  });

  test('names the field', async () => {
    const problem = await problemOf(await probe.post(base, { body: '{"text":"12345678901"}' }));
    expect(problem.errors).toEqual([{ path: 'text', message: expect.any(String) }]);
  });

  test('values up to 64 deep are taken', async () => {
    expect((await probe.post(base, { body: deep(62) })).status).toBe(200);
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
      const answer = await sendRaw(base, `${method} /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
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
    const answer = await sendRaw(base, text);
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(answer).toContain('application/problem+json');
    expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toMatchObject({
      status: expect.any(Number),
    });
  });

  test('duplicate headers never confuse who is asking', async () => {
    const head = `POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 13\r\n`;
    const twice = `${head}authorization: Bearer nonsense\r\nauthorization: Bearer ${probe.token}\r\n\r\n{"text":"hi"}`;
    expect(await sendRaw(base, twice)).toMatch(/^HTTP\/1\.1 401 /);
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
    const response = await probe.post(base, { headers: { authorization }, body: '{' });
    expect((await problemOf(response)).code).toBe('unauthenticated');
    expect(response.headers.get('www-authenticate')).toBe('Bearer');
  });

  test('of too many refused ones from one address is told to wait, while a valid one passes', async () => {
    const url = await probe.serve();
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
    expect((await ask(probe.token)).status).toBe(200);
  });
});

describe('an error', () => {
  test('that nobody expected is 500 without its detail, logged under the request id', async () => {
    const response = await fetch(`${base}/fail/unknown`, { headers: { 'x-request-id': 'trace-0500' } });
    const problem = await problemOf(response);
    expect(problem).toMatchObject({ code: 'internal', instance: 'trace-0500' });
    expect(JSON.stringify(problem)).not.toContain('42');
    const logged = probe.lines
      .map((line) => JSON.parse(line))
      .find((line) => line.requestId === 'trace-0500');
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
