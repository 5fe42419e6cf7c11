import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RedisServer, startRedis } from '@parley/deploy/testing';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Principal } from './auth.ts';
import { createLogger } from './log.ts';
import { createRateLimiter, type RateLimiter } from './rate-limit.ts';
import { connectRedis, type Redis } from './redis.ts';
import { createRevocationList } from './revocation.ts';

const dir = mkdtempSync(join(tmpdir(), 'parley-redis-'));
const logger = createLogger({ name: 'test', level: 'silent' });
const clients: Redis[] = [];
let server: RedisServer;
let names = 0;

beforeAll(async () => {
  server = await startRedis({ dir });
});
afterEach(() => {
  for (const client of clients.splice(0)) client.disconnect();
});
afterAll(async () => {
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});

async function connect(): Promise<Redis> {
  const redis = connectRedis({ url: server.url, logger });
  clients.push(redis);
  await expect.poll(() => redis.status, { timeout: 10_000 }).toBe('ready');
  return redis;
}

function limiter(redis: Redis, commandsPerMinute: number): RateLimiter {
  return createRateLimiter({ redis, enabled: true, logger, commandsPerMinute });
}

/** Names nobody else uses, so that no test sees another one's points. */
function freshName(): string {
  names += 1;
  return `user-${names}`;
}

async function spend(rates: RateLimiter, key: string, times: number): Promise<number> {
  const verdicts = await Promise.all(Array.from({ length: times }, () => rates.consume('commands', key)));
  return verdicts.filter((verdict) => verdict.allowed).length;
}

test('the limit holds over processes, to the point', async () => {
  const [a, b] = [limiter(await connect(), 10), limiter(await connect(), 10)];
  const key = freshName();
  const [first, second] = await Promise.all([spend(a, key, 10), spend(b, key, 10)]);
  expect(first + second).toBe(10);
});

test('says what is left, and when refused how long until it is not', async () => {
  const rates = limiter(await connect(), 2);
  const key = freshName();
  expect(await rates.consume('commands', key)).toMatchObject({
    allowed: true,
    limit: 2,
    remaining: 1,
    retryAfterMs: 0,
  });
  await rates.consume('commands', key);
  const refused = await rates.consume('commands', key);
  expect(refused).toMatchObject({ allowed: false, remaining: 0 });
  expect(refused.retryAfterMs).toBeGreaterThan(50_000);
  expect(refused.retryAfterMs).toBeLessThanOrEqual(60_000);
});

test('users and kinds do not share points, and a batch takes as many as it has commands', async () => {
  const rates = limiter(await connect(), 5);
  const [alice, bob] = [freshName(), freshName()];
  expect(await rates.consume('commands', alice, 4)).toMatchObject({ allowed: true, remaining: 1 });
  expect(await rates.consume('commands', alice, 4)).toMatchObject({ allowed: false });
  expect(await rates.consume('commands', bob)).toMatchObject({ allowed: true });
  expect(await rates.consume('queries', alice)).toMatchObject({ allowed: true });
});

test('lets everything pass when it is off', async () => {
  const rates = createRateLimiter({ redis: await connect(), enabled: false, logger, commandsPerMinute: 1 });
  expect(await spend(rates, freshName(), 20)).toBe(20);
});

test('while Redis is away the limit holds per process, and Redis is used again when it is back', async () => {
  const redis = await connect();
  const rates = limiter(redis, 10);
  await server.kill();
  await expect.poll(() => redis.status).not.toBe('ready');
  const key = freshName();
  expect(await spend(rates, key, 30)).toBe(10);
  await server.restart();
  await expect.poll(() => redis.status, { timeout: 20_000 }).toBe('ready');
  const later = freshName();
  expect(await spend(rates, later, 30)).toBe(10);
  expect(await redis.exists(`parley:rate:commands:${later}`)).toBe(1);
});

test('a Redis that was never there does not stop anything', async () => {
  const redis = connectRedis({ url: 'redis://127.0.0.1:1', logger });
  clients.push(redis);
  const revocations = createRevocationList({ redis, logger });
  expect(await spend(limiter(redis, 3), freshName(), 5)).toBe(3);
  expect(await revocations.isRevoked(session('s1'))).toBe(false);
});

test('a frozen Redis costs one wait, then nothing waits for it', async () => {
  const redis = await connect();
  const rates = limiter(redis, 10);
  const key = freshName();
  process.kill(server.pid, 'SIGSTOP');
  try {
    expect((await rates.consume('commands', key)).allowed).toBe(true);
    expect(redis.status).not.toBe('ready');
    expect(await spend(rates, key, 30)).toBe(9);
  } finally {
    process.kill(server.pid, 'SIGCONT');
  }
  await expect.poll(() => redis.status, { timeout: 20_000 }).toBe('ready');
});

test('a revoked session is seen by another process that had just asked', async () => {
  const [here, there] = [
    createRevocationList({ redis: await connect(), logger }),
    createRevocationList({ redis: await connect(), logger }),
  ];
  expect(await there.isRevoked(session('s2'))).toBe(false);
  await here.revoke('s2', 60);
  expect(await here.isRevoked(session('s2'))).toBe(true);
  await expect.poll(() => there.isRevoked(session('s2')), { timeout: 5_000, interval: 20 }).toBe(true);
  expect(await there.isRevoked(session('s3'))).toBe(false);
});

function session(sessionId: string): Principal {
  return { userId: 'u', deviceId: 'd', sessionId, roles: [], segments: [], scopes: [], expiresAt: 0 };
}
