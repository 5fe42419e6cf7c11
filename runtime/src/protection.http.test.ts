import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HttpProbe, problemOf } from './http-probe.ts';

const probe = new HttpProbe();
let base = '';

beforeAll(async () => {
  await probe.start();
  base = await probe.serve();
});
afterAll(() => probe.stop());

describe('limits', () => {
  test('are told in every answer, and refuse with the exact wait', async () => {
    const url = await probe.serve({ rateLimiter: probe.limiter(2) });
    const [first, , third] = [await probe.post(url), await probe.post(url), await probe.post(url)];
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
    const url = await probe.serve({ maxLoopDelayMs: 5 });
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
    const answered = await probe.post(base, { headers: { origin: 'https://chat.example' } });
    expect(answered.headers.get('access-control-allow-origin')).toBe('https://chat.example');
    expect(answered.headers.get('access-control-expose-headers')).toContain('parley-position');
    expect(answered.headers.get('access-control-expose-headers')).toContain('retry-after');
  });

  test.each(['https://evil.example', 'https://chat.example.evil.example', 'http://chat.example', 'null'])(
    'of %s get no permission, and no answer is shared between origins',
    async (origin) => {
      for (const response of [await preflight(origin), await probe.post(base, { headers: { origin } })]) {
        expect(response.headers.get('access-control-allow-origin')).toBeNull();
        expect(response.headers.get('access-control-allow-credentials')).toBeNull();
        expect(response.headers.get('vary')?.toLowerCase()).toContain('origin');
      }
    },
  );
});

describe('routes', () => {
  test('without a declared rule cannot be registered', async () => {
    const app = await probe.build();
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
    probe.readiness.check('log', () => {
      throw new Error('no leader');
    });
    const response = await fetch(`${base}/health/ready`);
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ ready: false, reasons: ['log: no leader'] });
    expect((await fetch(`${base}/health/live`)).status).toBe(200);
  });

  test('are counted and timed by name and status, not by path', async () => {
    const url = await probe.serve();
    for (const path of ['/fail/log', '/fail/slow', '/nowhere/1', '/nowhere/2']) await fetch(url + path);
    const text = await (await fetch(`${url}/metrics`)).text();
    expect(text).toMatch(/parley_http_request_seconds_count{[^}]*route="\/fail\/:how",status="503"[^}]*} 2/);
    expect(text).toMatch(/parley_http_request_seconds_count{[^}]*route="none",status="404"[^}]*} 2/);
    expect(text).not.toContain('/nowhere');
  });
});
