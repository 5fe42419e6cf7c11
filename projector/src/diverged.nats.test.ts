import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { conversationSubject, encodeCommit } from '@parley/contracts';
import { startNats } from '@parley/deploy/testing';
import { type EventLog, openEventLog } from '@parley/runtime';
import type { Pool } from 'pg';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { Projection } from './projection.ts';
import { openReadModel } from './read-model.ts';
import { created, numbered, uuid } from './testing/commit.ts';
import { allRows, freshMetrics, logger, privatePostgres } from './testing/database.ts';

let dir: string;
let postgres: Awaited<ReturnType<typeof privatePostgres>>;
let nats: Awaited<ReturnType<typeof startNats>>;
let databaseUrl: string;
let pool: Pool;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'parley-diverged-'));
  [postgres, nats] = await Promise.all([privatePostgres(), startNats({ dir })]);
  databaseUrl = await postgres.readModel();
  pool = openReadModel({ databaseUrl, connections: 4, name: 'test', logger });
});
afterAll(async () => {
  await pool?.end();
  await Promise.all([postgres?.stop(), nats?.stop()]);
  await rm(dir, { recursive: true, force: true });
});

async function withLog(work: (log: EventLog) => Promise<void>): Promise<void> {
  const { log, close } = await openEventLog({ natsUrl: nats.url, replicas: 1, name: 'test', logger });
  try {
    await work(log);
  } finally {
    await close();
  }
}

async function converse(log: EventLog, from: number, count: number): Promise<void> {
  for (let n = from; n < from + count; n++) {
    const conversationId = uuid(0xa0000000 + n);
    await log.append({
      subject: conversationSubject(conversationId),
      commitId: uuid(0xc0000000 + n),
      payload: encodeCommit(numbered([created(['ann'], { conversationId })])),
      expectedLastSequence: 0,
    });
  }
}

async function project(log: EventLog, until: (projection: Projection) => Promise<void>): Promise<void> {
  const projection = new Projection({ log, pool, databaseUrl, metrics: freshMetrics(), logger });
  try {
    await vi.waitFor(() => until(projection), { timeout: 20_000, interval: 50 });
  } finally {
    await projection.stop();
  }
}

const written = async () => [await allRows(pool), (await pool.query('TABLE read_model.checkpoints')).rows];

it('a log that lost its tail, or was made anew, halts the projector before it writes a row', async () => {
  const backup = join(dir, 'backup');
  await withLog((log) => converse(log, 0, 5));
  await nats.stop();
  await cp(nats.storeDir, backup, { recursive: true });
  await nats.restart();
  await withLog(async (log) => {
    await converse(log, 5, 5);
    await project(log, async () => {
      const { rows } = await pool.query('SELECT sequence FROM read_model.checkpoints');
      expect(rows).toEqual([{ sequence: '10' }, { sequence: '10' }]);
    });
  });
  const before = await written();
  const halts = (log: EventLog, reason: string) =>
    project(log, async ({ state, fault }) => {
      expect([state.kind, fault]).toEqual(['halted', expect.stringContaining(reason)]);
    });

  await nats.stop();
  await rm(nats.storeDir, { recursive: true });
  await cp(backup, nats.storeDir, { recursive: true });
  await nats.restart();
  await withLog((log) => halts(log, 'it ends at 5, the checkpoint is at 10'));
  expect(await written()).toEqual(before);
  await withLog(async (log) => {
    await converse(log, 20, 8);
    await halts(log, 'commit 10 is');
  });
  expect(await written()).toEqual(before);

  await nats.stop();
  await rm(nats.storeDir, { recursive: true });
  await nats.restart();
  await withLog(async (log) => {
    await converse(log, 0, 10);
    await halts(log, 'its epoch is');
  });
  expect(await written()).toEqual(before);
});
