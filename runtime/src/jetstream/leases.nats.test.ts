import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNats, startNatsCluster } from '@parley/deploy/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LeaseWorld, leasesConformance } from '../leases.conformance.ts';
import { createLogger } from '../log.ts';
import { type OpenLog, openEventLog } from './open.ts';

const logger = createLogger({ name: 'test', level: 'silent' });

async function openTwo(natsUrl: string, replicas: 1 | 3): Promise<[OpenLog, OpenLog]> {
  const open = () => openEventLog({ natsUrl, replicas, name: 'test', logger });
  return [await open(), await open()];
}

async function worldOf(
  logs: readonly [OpenLog, OpenLog],
  server: Pick<LeaseWorld, 'kill' | 'restart' | 'stop'>,
): Promise<LeaseWorld> {
  const stores: LeaseWorld['stores'] = [await logs[0].openLeases(), await logs[1].openLeases()];
  return {
    ...server,
    stores,
    async stop() {
      await Promise.all(logs.map((log) => log.close()));
      await server.stop();
    },
  };
}

const folder = () => mkdtempSync(join(tmpdir(), 'parley-leases-'));
const remove = (dir: string) => rmSync(dir, { recursive: true, force: true });

leasesConformance('one NATS server', async () => {
  const dir = folder();
  const server = await startNats({ dir });
  return worldOf(await openTwo(server.url, 1), {
    kill: () => server.kill(),
    restart: () => server.restart(),
    stop: () => server.stop().then(() => remove(dir)),
  });
});

leasesConformance('three NATS servers', async () => {
  const dir = folder();
  const cluster = await startNatsCluster({ dir, size: 3 });
  const each = (act: (server: (typeof cluster.servers)[number]) => Promise<void>) =>
    Promise.all(cluster.servers.map(act)).then(() => undefined);
  return worldOf(await openTwo(cluster.url, 3), {
    kill: () => each((server) => server.kill()),
    restart: () => each((server) => server.restart()),
    stop: () => cluster.stop().then(() => remove(dir)),
  });
});

describe('signals', () => {
  const dir = folder();
  let logs: [OpenLog, OpenLog];
  let stop: () => Promise<void>;
  const text = new TextDecoder();
  const bytes = (value: string) => new TextEncoder().encode(value);

  beforeAll(async () => {
    const server = await startNats({ dir });
    logs = await openTwo(server.url, 1);
    stop = () => server.stop();
  });
  afterAll(async () => {
    await Promise.all(logs.map((log) => log.close()));
    await stop();
    remove(dir);
  });

  test('reach every process that listens, the sender too, until it stops listening', async () => {
    const heard: string[][] = [[], []];
    const ends = logs.map(({ signals }, index) =>
      signals.listen('live.test', (payload) => heard[index]?.push(text.decode(payload))),
    );
    // A subscription counts from when the server has it.
    await expect
      .poll(() => {
        logs[0].signals.send('live.test', bytes('one'));
        return heard.every((list) => list.includes('one'));
      })
      .toBe(true);
    ends[1]?.();
    const before = heard[1]?.length;
    logs[1].signals.send('live.test', bytes('two'));
    logs[1].signals.send('live.other', bytes('three'));
    logs[1].signals.send('live.test', bytes('four'));
    await expect.poll(() => heard[0]?.slice(-2)).toEqual(['two', 'four']);
    expect(heard[1]).toHaveLength(before ?? -1);
  });
});
