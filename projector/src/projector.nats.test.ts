import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { conversationSubject, encodeCommit } from '@parley/contracts';
import { startNats } from '@parley/deploy/testing';
import { type OpenLog, openEventLog } from '@parley/runtime';
import type { Pool } from 'pg';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { openReadModel } from './read-model.ts';
import { created, numbered, sent, uuid } from './testing/commit.ts';
import { allRows, logger, privatePostgres } from './testing/database.ts';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const MESSAGES = 400;

let dir: string;
let postgres: Awaited<ReturnType<typeof privatePostgres>>;
let nats: Awaited<ReturnType<typeof startNats>>;
let open: OpenLog;
let databaseUrl: string;
let pool: Pool;
const children: ChildProcess[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'parley-projector-nats-'));
  [postgres, nats] = await Promise.all([privatePostgres(), startNats({ dir })]);
  open = await openEventLog({ natsUrl: nats.url, replicas: 1, name: 'test', logger });
  databaseUrl = await postgres.readModel();
  pool = openReadModel({ databaseUrl, connections: 4, name: 'test', logger });
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await Promise.all([pool?.end(), open?.close()]);
  await Promise.all([postgres?.stop(), nats?.stop()]);
  await rm(dir, { recursive: true, force: true });
});

function spawnProjector(): ChildProcess {
  const env = {
    NATS_URL: nats.url,
    DATABASE_URL: databaseUrl,
    PORT: '0',
    LOG_LEVEL: 'error',
    PARLEY_MODE: 'local',
  };
  const child = fork(MAIN, [], { env, stdio: 'inherit' });
  children.push(child);
  return child;
}

const conversations = Array.from({ length: 8 }, (_, n) => ({
  id: uuid(0xa0000000 + n),
  version: 0,
  sequence: 0,
}));

async function say(count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    const room = conversations[n % conversations.length];
    if (!room) continue;
    const conversationId = room.id;
    const fact =
      room.version === 0
        ? created(['ann'], { conversationId })
        : sent(room.version, 'hi', { conversationId });
    const outcome = await open.log.append({
      subject: conversationSubject(conversationId),
      commitId: uuid(0xc0000000 + 10_000 * n + room.version),
      payload: encodeCommit(numbered([fact], room.version + 1)),
      expectedLastSequence: room.sequence,
    });
    if (outcome.kind !== 'appended') throw new Error('conflict');
    room.version += 1;
    room.sequence = outcome.sequence;
  }
}

async function lowestPosition(): Promise<number> {
  const { rows } = await pool.query('SELECT min(sequence)::int AS lowest FROM read_model.checkpoints');
  return rows[0].lowest ?? 0;
}

const patiently = { timeout: 25_000, interval: 20 };

it('a projector killed in the middle of its work is followed by the one standing by, with no row lost or doubled', async () => {
  const first = spawnProjector();
  await vi.waitFor(
    async () => expect((await pool.query('TABLE read_model.checkpoints')).rowCount).toBe(2),
    patiently,
  );
  spawnProjector();
  const saying = say(MESSAGES);
  await vi.waitFor(async () => expect(await lowestPosition()).toBeGreaterThan(MESSAGES / 10), patiently);
  const owner = async () =>
    (await pool.query('SELECT min(owner_epoch)::int AS epoch FROM read_model.checkpoints')).rows[0].epoch;
  const before = await owner();
  first.kill('SIGKILL');
  await once(first, 'exit');
  // Longer than this nobody should have to wait for the read model to go on.
  await vi.waitFor(async () => expect(await owner()).toBe(before + 1), { timeout: 5_000, interval: 20 });
  await saying;
  await vi.waitFor(async () => expect(await lowestPosition()).toBe(MESSAGES), patiently);
  const rows = await allRows(pool);
  expect(rows.conversations.map(({ version, message_count }) => [version, message_count])).toEqual(
    conversations.map(({ version }) => [version, version - 1]),
  );
  expect(rows.messages).toHaveLength(MESSAGES - conversations.length);
});

it('a projector told to stop ends cleanly', async () => {
  const last = children.at(-1);
  if (!last) throw new Error('none runs');
  last.kill('SIGTERM');
  expect((await once(last, 'exit'))[0]).toBe(0);
});
