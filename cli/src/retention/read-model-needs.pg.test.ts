import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PostgresServer, startPostgres } from '@parley/deploy/testing';
import { LOCK_SPACE, migrateReadModel } from '@parley/projector';
import type { EventLog } from '@parley/runtime';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { logOf, texts } from '../archive/testing/small-archives.ts';
import { readModelNeeds, withReadModelsAtRest } from './read-model-needs.ts';

const dir = mkdtempSync(join(tmpdir(), 'parley-needs-'));
let server: PostgresServer;
let client: Client;
let log: EventLog;

beforeAll(async () => {
  server = await startPostgres({ dir, fast: true });
  await migrateReadModel(server.url);
  client = new Client({ connectionString: server.url, application_name: 'somebody' });
  await client.connect();
  log = await logOf(texts(20));
});
afterAll(async () => {
  await client?.end();
  await server?.stop();
  rmSync(dir, { recursive: true, force: true });
});

async function checkpoint(schema: string, sequence: number): Promise<void> {
  const commitId = (await log.at(sequence))?.commitId;
  await client.query(`DELETE FROM ${schema}.checkpoints`);
  await client.query(
    `INSERT INTO ${schema}.checkpoints (lane, epoch, sequence, commit_id, owner_epoch, updated_at)
     VALUES (0, $1, $2, $3, 1, now())`,
    [log.epoch, sequence, commitId],
  );
}

const needs = async (oldThrough: number) =>
  (await withReadModelsAtRest(server.url, (own) => readModelNeeds(own, log, oldThrough))).limits;

test('a read model that has applied all that is old keeps its newest commit alone, and that is ordinary', async () => {
  await checkpoint('read_model', 20);
  expect(await needs(20)).toEqual([
    { through: 19, because: 'the newest commit that the read model has applied stays', isOrdinary: true },
  ]);
});

test('each read model that is behind what is old is told with its place and what to do', async () => {
  await checkpoint('read_model', 15);
  await client.query('CREATE SCHEMA read_model_previous');
  await client.query('CREATE TABLE read_model_previous.checkpoints (LIKE read_model.checkpoints)');
  await checkpoint('read_model_previous', 7);
  const [live, previous] = await needs(16);
  expect(live).toEqual({
    through: 14,
    because: 'the read model has applied no more than 15; start its projector: `parley status`',
  });
  expect(previous).toMatchObject({ through: 6, because: expect.stringContaining('--rollback') });
  expect(await needs(7)).toMatchObject([{ isOrdinary: true }, { isOrdinary: true }]);
});

test('while somebody rebuilds or verifies nothing is begun, and who it is and how it is ended is told', async () => {
  const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
  const work = async () => expect.unreachable();
  for (const [lock, what] of [
    [3, 'a rebuild'],
    [4, 'a verification'],
  ] as const) {
    await client.query('SELECT pg_advisory_lock($1, $2)', [LOCK_SPACE, lock]);
    const refused = await withReadModelsAtRest(server.url, work).catch((error: Error) => error.message);
    expect(refused).toContain(`There runs ${what}`);
    expect(refused).toContain(`: somebody from `);
    expect(refused).toContain(`pg_terminate_backend(${rows[0]?.pid})`);
    await client.query('SELECT pg_advisory_unlock_all()');
  }
});
