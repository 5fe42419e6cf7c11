import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PostgresServer, startPostgres } from '@parley/deploy/testing';
import type { Pool } from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createLogger } from './log.ts';
import { createPool, isPostgresRefusing, type PoolOptions } from './postgres.ts';
import { toProblem } from './problem-mapping.ts';

const dir = mkdtempSync(join(tmpdir(), 'parley-pool-'));
const lines: string[] = [];
const logger = createLogger({ name: 'test', level: 'debug' }, { write: (line) => void lines.push(line) });
const pools: Pool[] = [];
let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres({ dir, fast: true });
});
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.end()));
});
afterAll(async () => {
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});

function open(changes: Partial<PoolOptions> = {}): Pool {
  const pool = createPool({ url: server.url, name: 'probe', logger, ...changes });
  pools.push(pool);
  return pool;
}

async function problemOf(work: Promise<unknown>) {
  return work.then(
    () => 'no error',
    (error: unknown) => toProblem(error).code,
  );
}

test('shows its name in pg_stat_activity', async () => {
  const { rows } = await open().query('SELECT current_setting($1) AS name', ['application_name']);
  expect(rows).toEqual([{ name: 'probe' }]);
});

test('a connection that is lost while idle is logged and replaced', async () => {
  const pool = open({ max: 1 });
  const { rows } = await pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  await open().query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
  await expect.poll(() => lines.join('')).toContain('idle Postgres connection lost');
  const again = await pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  expect(again.rows[0]?.pid).not.toBe(rows[0]?.pid);
});

test('a connection that is lost while somebody holds it does not end the process', async () => {
  const pool = open();
  const client = await pool.connect();
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  await open().query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
  await expect.poll(() => problemOf(client.query('SELECT 1'))).toBe('unavailable');
  client.release(true);
  expect((await pool.query('SELECT 1')).rowCount).toBe(1);
});

test('a statement over its time is ended, as Postgres being away and not as a fault', async () => {
  expect(await problemOf(open({ statementTimeoutMs: 50 }).query('SELECT pg_sleep(30)'))).toBe('unavailable');
});

test('a wrong statement is a fault of ours', async () => {
  expect(await problemOf(open().query('SELECT nope FROM nowhere'))).toBe('internal');
});

test.each([
  ['no password', (url: URL) => Object.assign(url, { password: '' }), 'must be a string'],
  ['a wrong password', (url: URL) => Object.assign(url, { password: 'wrong' }), 'authentication failed'],
  ['a database that is not there', (url: URL) => Object.assign(url, { pathname: '/nowhere' }), 'not exist'],
])('%s is refused, and no connection is left half open', async (_, change, reason) => {
  const pool = open({ url: String(change(new URL(server.url))) });
  const error: unknown = await pool.query('SELECT 1').catch((fault: unknown) => fault);
  if (!(error instanceof Error)) throw new Error('it was let in');
  expect(error.message).toContain(reason);
  expect(isPostgresRefusing(error)).toBe(true);
  await expect.poll(openSockets).toBe(0);
});

/** To Postgres, of this process. */
function openSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
}

test('while Postgres is down queries fail as unavailable, and work again when it is back', async () => {
  const pool = open();
  await pool.query('SELECT 1');
  await server.stop();
  expect(await problemOf(pool.query('SELECT 1'))).toBe('unavailable');
  await server.restart();
  await expect.poll(() => problemOf(pool.query('SELECT 1')), { timeout: 20_000 }).toBe('no error');
});
