import { spawn } from 'node:child_process';
import { getEventListeners, once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type PostgresServer, startPostgres } from '@parley/deploy/testing';
import { LOCK_SPACE, migrateReadModel } from '@parley/projector';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { drafts, LogWriter, uuid } from '../log/testing/log-writer.ts';
import { openTestLog, type TestLog } from '../log/testing/open-test-log.ts';
import { silentProgress } from '../progress.ts';
import type { Status } from './read-status.ts';
import { renderStatus } from './render-status.ts';
import { showStatus } from './status-command.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
let place: TestLog;
let postgres: PostgresServer;

beforeAll(async () => {
  place = await openTestLog();
  postgres = await startPostgres({ dir: `${place.dir}/postgres`, fast: true });
  await migrateReadModel(postgres.url);
  const writer = new LogWriter(place.log);
  for (const n of [1, 2, 3]) await writer.commit(uuid(n), drafts.created('A room', 'ada'), drafts.sent(1));
  await writer.commit(uuid(1), drafts.sent(2));
});

afterAll(async () => {
  await postgres?.stop();
  await place?.close();
});

const flags = () => ({ nats: place.url, postgres: postgres.url, json: true });

/** Nobody projects. */
async function statusNow(): Promise<Status> {
  const lines: string[] = [];
  const { signal } = new AbortController();
  const context = { progress: silentProgress, signal, print: (line: string) => void lines.push(line) };
  expect(await showStatus({ ...flags(), watch: false }, context)).toBe(1);
  return JSON.parse(lines.join(''));
}

test('it says how large the log is, in commits, bytes and subjects', async () => {
  const status = await statusNow();
  expect(status.log).toMatchObject({ epoch: place.log.epoch, first: 1, last: 4, subjects: 3 });
  expect(status.log.bytes).toBeGreaterThan(1_000);
  expect(renderStatus(status)).toMatch(/commits 1 to 4, .*\n +\d\.\d kB, 3 subjects/);
});

test('a rebuild that was begun and that nobody is at is told with how to end it, and is not well', async () => {
  const client = new Client({ connectionString: postgres.url });
  await client.connect();
  try {
    const startedAt = '2026-01-02T03:04:05.000Z';
    await client.query(
      `CREATE SCHEMA read_model_next; COMMENT ON SCHEMA read_model_next IS '${JSON.stringify({ phase: 'load', startedAt })}'`,
    );
    const begun = await statusNow();
    expect(begun.stopped).toEqual({ startedAt, isRollback: false });
    expect(begun.healthy).toBe(false);
    expect(renderStatus(begun)).toContain(
      `A rebuild was begun at ${startedAt} and stopped: run \`parley rebuild\``,
    );
    // Whoever is at it has the lock.
    await client.query('SELECT pg_advisory_lock($1, 3)', [LOCK_SPACE]);
    expect((await statusNow()).stopped).toBeNull();
  } finally {
    await client.query('DROP SCHEMA read_model_next');
    await client.end();
  }
});

test('a log that begins later is told with where the rest is', async () => {
  const status = await statusNow();
  expect(renderStatus(status)).not.toContain('--from-archive');
  const begun = { ...status, log: { ...status.log, first: 3_000 } };
  expect(renderStatus(begun)).toContain('complete from 3,000 on; before it: the archive');
});

test('a watch shows it again and again, holds on to nothing meanwhile, and ends when it is told to', async () => {
  const stopping = new AbortController();
  const held: number[] = [];
  const print = (): void => {
    held.push(getEventListeners(stopping.signal, 'abort').length);
    if (held.length === 3) stopping.abort(new Error('enough'));
  };
  const context = { progress: silentProgress, signal: stopping.signal, print };
  await expect(showStatus({ ...flags(), watch: true }, context)).rejects.toThrow();
  expect(held).toEqual([0, 0, 0]);
  expect(getEventListeners(stopping.signal, 'abort')).toEqual([]);
});

test('Ctrl-C ends a watch with 130, every line it printed is whole', async () => {
  const args = [MAIN, 'status', '--watch', '--json', '--nats', place.url, '--postgres', postgres.url];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let told = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    out += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    told += chunk;
  });
  await vi.waitFor(() => expect(out.split('\n').length).toBeGreaterThan(2), { timeout: 30_000 });
  child.kill('SIGINT');
  expect(await once(child, 'close')).toEqual([130, null]);
  const lines = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.map(({ log }) => log.last)).toEqual(lines.map(() => 4));
  expect(told).toBe('');
});

test('without the password that Postgres wants it says so, and ends', async () => {
  const address = Object.assign(new URL(postgres.url), { password: '' });
  for (const command of ['status', 'verify', 'dead-letters']) {
    const part = command === 'dead-letters' ? ['list'] : [];
    const args = [MAIN, command, ...part, '--nats', place.url, '--postgres', String(address)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let told = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      told += chunk;
    });
    expect(await once(child, 'close')).toEqual([3, null]);
    expect(told).toMatch(/^\nPostgres wants a password, and there is none in .*\.parley\/stack\.json\.\n$/);
  }
});

test('a Postgres that is away is told with what to do', async () => {
  const args = [MAIN, 'status', '--nats', place.url, '--postgres', 'postgres://parley@127.0.0.1:1/parley'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let told = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    told += chunk;
  });
  expect(await once(child, 'close')).toEqual([3, null]);
  expect(told).toMatch(
    /^\nPostgres does not answer \(.*\): start it .* or correct --postgres or DATABASE_URL\.\n$/,
  );
});
