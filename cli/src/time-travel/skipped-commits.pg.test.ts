import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PostgresServer, startPostgres } from '@parley/deploy/testing';
import { migrateReadModel } from '@parley/projector';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { uuid } from '../log/testing/log-writer.ts';
import { skippedCommits } from './skipped-commits.ts';

const dir = mkdtempSync(join(tmpdir(), 'parley-skipped-'));
let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres({ dir, fast: true });
});
afterAll(async () => {
  await server?.stop();
  rmSync(dir, { recursive: true, force: true });
});

test('what operators decided of one conversation of this log is known; without their tables nothing was decided', async () => {
  const wanted = { epoch: 'epoch-a', conversation: uuid(1) };
  expect(await skippedCommits(server.url, wanted)).toEqual(new Set());
  await migrateReadModel(server.url);
  const client = new Client({ connectionString: server.url });
  await client.connect();
  for (const [epoch, key, sequence] of [
    ['epoch-a', `conv.${uuid(1)}`, 7],
    ['epoch-a', `conv.${uuid(1)}`, 12],
    ['epoch-a', `conv.${uuid(2)}`, 8],
    ['epoch-b', `conv.${uuid(1)}`, 9],
  ]) {
    await client.query(
      `INSERT INTO parley_operators.skipped_commits (epoch, key, sequence, subject, commit_id, reason, skipped_by, skipped_at)
       VALUES ($1, $2, $3, 's', 'c', 'r', 'ops', now())`,
      [epoch, key, sequence],
    );
  }
  await client.end();
  expect(await skippedCommits(server.url, wanted)).toEqual(new Set([7, 12]));
});

test('a database that does not answer is no answer', async () => {
  const nowhere = 'postgres://parley@127.0.0.1:1/parley';
  await expect(skippedCommits(nowhere, { epoch: 'e', conversation: uuid(1) })).rejects.toThrow();
});
