import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PostgresServer, startPostgres } from '@parley/deploy/testing';
import { createPool, MemoryEventLog, MemorySnapshotStore } from '@parley/runtime';
import type { Pool } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ReadModelLookup } from './read-model-lookup.ts';
import { ReadModel } from './testing/read-model.ts';
import { logger, WriterProcess } from './testing/writer-rig.ts';

const dir = mkdtempSync(join(tmpdir(), 'parley-lookup-'));
let postgres: PostgresServer;
let readModel: ReadModel;
let pool: Pool;
let lookup: ReadModelLookup;

const id = '01900000-0000-7000-8000-0000000000c1';

beforeAll(async () => {
  postgres = await startPostgres({ dir, fast: true });
  readModel = await ReadModel.create(postgres.url);
  pool = createPool({ url: postgres.url, name: 'test', logger });
  lookup = new ReadModelLookup(pool, 'epoch');
  await readModel.holdsCursors(id, { version: 7, read: 5, receipt: 3, delivered: 6 });
}, 120_000);

afterAll(async () => {
  await readModel?.close();
  await pool?.end();
  await postgres?.stop();
  rmSync(dir, { recursive: true, force: true });
});

test('tells the cursors of a member, a thread and an audience, with the version they are of', async () => {
  const member = await lookup.cursors(id, 'anna', {});
  expect(member).toEqual({ version: 7, read: 5, receipt: 3, delivered: 6 });
  const thread = await lookup.cursors(id, 'anna', { threadOrdinal: 2 });
  expect(thread).toEqual({ version: 7, read: 15, receipt: 15, delivered: 15 });
  const audience = await lookup.cursors(id, 'anna', { audience: true });
  expect(audience).toEqual({ version: 7, read: 25, receipt: 25, delivered: 26 });
});

test('takes who has no cursor for somebody at the beginning, and says when it does not know a conversation', async () => {
  const nothing = { version: 7, read: 0, receipt: 0, delivered: 0 };
  expect(await lookup.cursors(id, 'ben', {})).toEqual(nothing);
  expect(await lookup.cursors(id, 'anna', { threadOrdinal: 3 })).toEqual(nothing);
  expect(await lookup.cursors('01900000-0000-7000-8000-0000000000c2', 'anna', {})).toBeNull();
});

test('spares a cursor that an earlier process wrote, but not one that was put back since', async () => {
  const log = new MemoryEventLog();
  const start = () => new WriterProcess(log, new MemorySnapshotStore(), { databaseUrl: postgres.url });
  const [one, two] = [start(), start()];
  const conversationId = await one.group('ben');
  for (const body of ['1', '2', '3']) await one.send(conversationId, 'anna', body);
  await readModel.holdsCursors(conversationId, {
    userId: 'ben',
    version: 4,
    read: 3,
    receipt: 3,
    delivered: 3,
  });
  const { last } = await log.bounds();
  const read = (process: WriterProcess, ordinal: number) =>
    process.do('messages.read', 'ben', { conversationId, ordinal });
  expect(await read(one, 2)).toMatchObject({ result: { ordinal: 3 } });
  expect(await log.bounds()).toMatchObject({ last });
  await two.do('messages.mark-unread', 'ben', { conversationId, ordinal: 1 });
  // The read model is of version 4 still, before the cursor was put back.
  expect(await read(two, 2)).toMatchObject({ result: { ordinal: 2 } });
  expect(await read(one, 2)).toMatchObject({ result: { ordinal: 2 } });
  expect((await log.bounds()).last).toBeGreaterThan(last + 1);
  await Promise.all([one.close(), two.close()]);
});
