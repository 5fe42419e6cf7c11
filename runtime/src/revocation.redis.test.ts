import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RedisServer, startRedis } from '@parley/deploy/testing';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createLogger } from './log.ts';
import { connectRedis, type Redis } from './redis.ts';
import { createRevocationList, type RevocationList } from './revocation.ts';

const dir = mkdtempSync(join(tmpdir(), 'parley-redis-'));
const logger = createLogger({ name: 'test', level: 'silent' });
const ends: (() => void)[] = [];
let server: RedisServer;
let names = 0;

beforeAll(async () => {
  server = await startRedis({ dir });
});
afterEach(() => {
  for (const end of ends.splice(0)) end();
});
afterAll(async () => {
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});

async function list(): Promise<{ redis: Redis; revocations: RevocationList }> {
  const redis = connectRedis({ url: server.url, logger });
  ends.push(() => redis.disconnect());
  await expect.poll(() => redis.status, { timeout: 10_000 }).toBe('ready');
  return { redis, revocations: createRevocationList({ redis, logger }) };
}

/** What a process with these sessions open is told. */
async function follow(revocations: RevocationList, open: string[]): Promise<string[]> {
  const told: string[] = [];
  const stop = await revocations.follow({ open: () => open, revoked: (id) => told.push(id) });
  ends.unshift(stop);
  return told;
}

const freshName = (): string => `session-${++names}`;
const principal = (sessionId: string) => ({
  userId: 'alice',
  deviceId: 'd1',
  sessionId,
  roles: [],
  segments: [],
  scopes: [],
  expiresAt: 0,
});

test('each process that follows is told of a revocation, and of none from before it began', async () => {
  const [{ revocations: writer }, { revocations: a }, { revocations: b }] = [
    await list(),
    await list(),
    await list(),
  ];
  const [before, session, other] = [freshName(), freshName(), freshName()];
  await writer.revoke(before, 60);
  const told = [await follow(a, [session, other]), await follow(b, [])];
  await writer.revoke(session, 60);
  for (const each of told)
    await expect.poll(() => [...new Set(each)], { timeout: 20_000 }).toEqual([session]);
  expect([a.hasSeen(session), a.hasSeen(other), a.hasSeen(before)]).toEqual([true, false, false]);
});

test('a session that is open when following begins and was revoked before is told of', async () => {
  const { revocations } = await list();
  const session = freshName();
  await revocations.revoke(session, 60);
  const told = await follow(revocations, [session, freshName()]);
  expect(told).toEqual([session]);
});

test('an answer that is still remembered gives way to a revocation that has come by', async () => {
  const [{ revocations: writer }, { revocations }] = [await list(), await list()];
  const session = freshName();
  const told = await follow(revocations, []);
  for (let n = 0; n < 5; n++) {
    const each = `${session}-${n}`;
    expect(await revocations.isRevoked(principal(each))).toBe(false);
    await writer.revoke(each, 60);
    await expect.poll(() => told, { timeout: 20_000 }).toContain(each);
    expect(await revocations.isRevoked(principal(each))).toBe(true);
  }
});

test('more revocations than one read takes are all told of', async () => {
  const { redis, revocations } = await list();
  const told = await follow(revocations, []);
  const names = Array.from({ length: 2_500 }, freshName);
  await Promise.all(names.map((name) => redis.xadd('parley:revocations', '*', 'session', name)));
  await expect.poll(() => told.length, { timeout: 10_000 }).toBe(names.length);
  expect(new Set(told)).toEqual(new Set(names));
});

test('what is revoked while a process cannot reach Redis is told of when it can again', async () => {
  const [{ redis: cut, revocations }, { redis, revocations: writer }] = [await list(), await list()];
  const [session, other] = [freshName(), freshName()];
  const told = await follow(revocations, [session, other]);
  cut.disconnect();
  await writer.revoke(session, 60);
  // The stream may have been trimmed, or lost, meanwhile.
  await redis.del('parley:revocations');
  await expect.poll(() => cut.status, { timeout: 10_000 }).toBe('end');
  await cut.connect();
  await expect.poll(() => told, { timeout: 10_000 }).toContain(session);
  expect(told).not.toContain(other);
});

test('following survives a restart of Redis that loses the stream', async () => {
  const { redis, revocations } = await list();
  const told = await follow(revocations, []);
  await redis.xadd('parley:revocations', '99999999999999-0', 'session', 'of another clock');
  await expect.poll(() => told, { timeout: 20_000 }).toContain('of another clock');
  await server.restart();
  await expect.poll(() => redis.status, { timeout: 10_000 }).toBe('ready');
  await redis.flushall();
  // A new connection: the server behind it may know nothing of what was read before.
  redis.disconnect();
  await expect.poll(() => redis.status, { timeout: 10_000 }).toBe('end');
  await redis.connect();
  await expect
    .poll(
      async () => {
        await revocations.revoke(freshName(), 60);
        return told.length;
      },
      { timeout: 20_000 },
    )
    .toBeGreaterThan(1);
});
