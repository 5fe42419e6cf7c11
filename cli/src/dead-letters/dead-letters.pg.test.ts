import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type PostgresServer, startPostgres } from '@parley/deploy/testing';
import {
  declareProjectorMetrics,
  listDeadLetters,
  migrateReadModel,
  openReadModel,
  Projection,
} from '@parley/projector';
import { createLogger, MemoryEventLog, Metrics } from '@parley/runtime';
import type { Pool } from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { drafts, LogWriter, uuid } from '../log/testing/log-writer.ts';
import { renderKey, showKey } from './show-key.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const room = uuid(1);
const broken = `conv.${uuid(2)}`;
const dir = mkdtempSync(join(tmpdir(), 'parley-dead-letters-'));
const logger = createLogger({ name: 'test', level: 'silent' });
const log = new MemoryEventLog();
let server: PostgresServer;
let pool: Pool;
let projection: Projection | undefined;

beforeAll(async () => {
  server = await startPostgres({ dir, fast: true });
  await migrateReadModel(server.url);
  pool = openReadModel({ databaseUrl: server.url, connections: 4, name: 'test', logger });
  const writer = new LogWriter(log);
  await writer.commit(room, drafts.created('A room', 'ada'));
  await writer.commit(uuid(2), drafts.created('Another', 'ada'));
  const subject = (await log.at(2))?.subject ?? '';
  const payload = new TextEncoder().encode('no\u001b[2Jevents');
  await log.append({ subject, commitId: 'bad', payload, expectedLastSequence: 2 });
  await writer.commit(room, drafts.sent(1));
  project();
  await vi.waitFor(async () => expect(await listDeadLetters(pool)).toHaveLength(1), { timeout: 20_000 });
});
afterAll(async () => {
  await projection?.stop();
  await pool?.end();
  await server?.stop();
  rmSync(dir, { recursive: true, force: true });
});

function project(): void {
  const metrics = declareProjectorMetrics(new Metrics('projector'));
  projection = new Projection({ log, pool, databaseUrl: server.url, metrics, logger });
}

/** The command as a person runs it. No NATS is needed to decide. */
function parley(...args: string[]): Promise<{ code: number; out: string; told: string }> {
  const places = ['--postgres', server.url, '--nats', 'nats://127.0.0.1:1'];
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [MAIN, 'dead-letters', ...args, ...places],
      (_error, out, told) => resolve({ code: child.exitCode ?? -1, out, told }),
    );
  });
}

test('what is parked is listed, and shown with what the log holds, which moves no cursor', async () => {
  const { code, out } = await parley('list');
  expect(code).toBe(1);
  expect(out).toMatch(new RegExp(`${broken} +1 +3 +1 .*not JSON`));
  const shown = renderKey(await showKey(pool, log, broken));
  expect(shown).toContain('no\\u001b[2Jevents');
});

test('a retry says what still cannot be applied', async () => {
  const { code, out } = await parley('retry', '--all', '--json');
  expect(code).toBe(1);
  expect(JSON.parse(out)).toMatchObject([{ key: broken, done: 0, left: { sequence: 3, attempts: 2 } }]);
});

test.each([
  [['retry'], 'Give either a key or --all'],
  [['retry', 'conv.none'], 'Nothing is parked under conv.none'],
  [['skip', broken], 'Say so with --yes'],
  [['skip', broken, '--sequence', '9', '--yes'], 'Commit 9 is not parked'],
  [['skip', broken, '--sequence', 'x'], 'It must be a whole number'],
])('%j is refused with what would be right, and nothing is decided', async (args, reason) => {
  const { code, told } = await parley(...args);
  expect([code, told]).toEqual([2, expect.stringContaining(reason)]);
  expect(await listDeadLetters(pool)).toHaveLength(1);
});

test('without a projector the wish is kept and said to be; the next projector fulfils it', async () => {
  await projection?.stop();
  const { code, told } = await parley('skip', broken, '--yes');
  expect([code, told]).toEqual([3, expect.stringContaining('No projector runs')]);
  project();
  await vi.waitFor(async () => expect(await listDeadLetters(pool)).toEqual([]), { timeout: 20_000 });
  expect(await parley('list')).toMatchObject({ code: 0, out: expect.stringContaining('Nothing is parked') });
});
