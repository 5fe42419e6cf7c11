import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRedis } from '@parley/deploy/testing';
import { expect, test } from 'vitest';
import { type LeaseWorld, leasesConformance } from './leases.conformance.ts';
import { createLogger } from './log.ts';
import { connectRedis, type Redis } from './redis.ts';
import { openRedisLeases } from './redis-leases.ts';

const logger = createLogger({ name: 'test', level: 'silent' });

async function openRedis(): Promise<LeaseWorld & { clients: Redis[] }> {
  const dir = mkdtempSync(join(tmpdir(), 'parley-leases-'));
  const server = await startRedis({ dir });
  const clients = [1, 2].map(() => connectRedis({ url: server.url, logger }));
  await Promise.all(clients.map((client) => once(client, 'ready')));
  const [one, two] = clients.map(openRedisLeases);
  if (!one || !two) throw new Error('two clients were wanted');
  return {
    clients,
    stores: [one, two],
    kill: () => server.kill(),
    restart: () => server.restart(),
    async stop() {
      for (const client of clients) client.disconnect();
      await server.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

leasesConformance('Redis', openRedis);

test('hundreds of leases are one write to Redis, and nothing of them stays there', async () => {
  const { clients, stores, stop } = await openRedis();
  const [redis] = clients;
  const calls = async () =>
    Number(/cmdstat_eval:calls=(\d+)/.exec((await redis?.info('commandstats')) ?? '')?.[1] ?? 0);
  const groups = Array.from({ length: 600 }, (_, index) => `u${index}`);
  const before = await calls();
  await stores[0].put(groups.map((group) => ({ group, id: 'a', value: 'v', ttlMs: 1_000 })));
  await stores[1].read(groups);
  expect((await calls()) - before).toBe(6);
  await expect.poll(() => redis?.dbsize(), { timeout: 20_000 }).toBe(0);
  await stop();
});
