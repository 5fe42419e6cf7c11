import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parsePosition } from '@parley/contracts';
import { type LocalServer, startNats, startPostgres, startRedis } from '@parley/deploy/testing';
import { Client } from 'pg';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Backend, sendCommand, startBackend } from '../testing/backend.ts';

const PARLEY = join(import.meta.dirname, '../../../cli/dist/main.js');
const MESSAGES = 200;
const patiently = { timeout: 60_000, interval: 20 };

let dir: string;
let servers: { url: string; stop(): Promise<void> }[];
let places: { natsUrl: string; databaseUrl: string; redisUrl: string };
let backend: Backend;
let commands: LocalServer;
let queries: LocalServer;
let client: Client;
const conversationId = uuidv7();
/** Position of the newest command that was answered. */
let newest = '';
let said = 0;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'parley-rebuild-'));
  const nats = await startNats({ dir: join(dir, 'nats') });
  const postgres = await startPostgres({ dir: join(dir, 'postgres'), fast: true });
  const redis = await startRedis({ dir: join(dir, 'redis') });
  servers = [nats, postgres, redis];
  places = { natsUrl: nats.url, databaseUrl: postgres.url, redisUrl: redis.url };
  backend = await startBackend({ shared: places });
  await backend.start('projector');
  [commands, queries] = await Promise.all([backend.start('command-api'), backend.start('read-api')]);
  client = new Client({ connectionString: postgres.url });
  await client.connect();
  await command('conversation.create', {
    type: 'group',
    conversationId,
    title: 'Room',
    members: [{ userId: 'bob' }],
  });
  for (let n = 0; n < MESSAGES; n++) await say();
});
afterAll(async () => {
  await client?.end();
  await backend?.stop();
  for (const server of servers ?? []) await server.stop();
  await rm(dir, { recursive: true, force: true });
});

async function command(type: string, data: object): Promise<void> {
  const reply = await sendCommand(commands, await backend.token('ann'), type, { key: uuidv7(), data });
  expect(reply.status, JSON.stringify(reply.body)).toBe(200);
  newest = reply.body.position ?? newest;
}

async function say(): Promise<void> {
  await command('message.send', { conversationId, body: `message ${said + 1}` });
  said += 1;
}

function parley(...args: string[]): { child: ChildProcess; done: Promise<{ code: number; output: string }> } {
  const child = spawn(
    process.execPath,
    [PARLEY, ...args, '--nats', places.natsUrl, '--postgres', places.databaseUrl],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let output = '';
  child.stdout?.on('data', (data) => {
    output += data;
  });
  return { child, done: once(child, 'exit').then(([code]) => ({ code: code as number, output })) };
}

async function read(path: string, minPosition?: string): Promise<Response> {
  return fetch(`${queries.url}${path}`, {
    headers: {
      authorization: `Bearer ${await backend.token('ann')}`,
      ...(minPosition && { 'parley-min-position': minPosition }),
    },
  });
}

/** What the API says of the newest messages, once it has everything. */
async function newestBodies(): Promise<string[]> {
  const response = await read(`/v1/conversations/${conversationId}/messages?limit=50`, newest);
  const page = (await response.json()) as { items: { body: string; ordinal: number }[] };
  expect(response.status, JSON.stringify(page)).toBe(200);
  return page.items.toSorted((a, b) => b.ordinal - a.ordinal).map(({ body }) => body);
}

async function wrongRows(): Promise<number> {
  const { rows } = await client.query(
    `SELECT count(*)::int AS wrong FROM read_model.messages WHERE body = 'wrong'`,
  );
  return rows[0].wrong;
}

test('while the read model is rebuilt, rolled back and taken forward, no read fails and none is older than one before', async () => {
  await client.query(`UPDATE read_model.messages SET body = 'wrong' WHERE ordinal % 3 = 0`);
  let stopped = false;
  const failures: string[] = [];
  const hammer = async (): Promise<number> => {
    let [reads, seen] = [0, 0];
    while (!stopped) {
      const response = await read(`/v1/conversations/${conversationId}/messages?limit=20`);
      const text = await response.text();
      const position = parsePosition(response.headers.get('parley-position') ?? '');
      if (response.status !== 200 || position === null) failures.push(`${response.status} ${text}`);
      else if (position.sequence < seen) failures.push(`${position.sequence} after ${seen}`);
      else seen = position.sequence;
      reads += 1;
    }
    return reads;
  };
  const talk = async (): Promise<void> => {
    while (!stopped) await say();
  };
  const busy = Promise.all([hammer(), hammer(), hammer(), talk()]);
  try {
    const rebuilt = await parley('rebuild', '--json').done;
    expect(rebuilt.code).toBe(0);
    const { compared, switched } = JSON.parse(rebuilt.output);
    const differing = compared.filter((table: { different: number }) => table.different > 0);
    expect(differing.map(({ table }: { table: string }) => table)).toEqual(['messages']);
    expect(switched.pauseMs).toBeGreaterThan(0);
    expect(await wrongRows()).toBe(0);
    expect((await parley('rebuild', '--rollback').done).code).toBe(0);
    expect(await wrongRows()).toBeGreaterThan(0);
    expect((await parley('rebuild', '--rollback').done).code).toBe(0);
    expect(await wrongRows()).toBe(0);
  } finally {
    stopped = true;
  }
  const [first, second, third] = await busy;
  expect(failures).toEqual([]);
  for (const reads of [first, second, third]) expect(reads).toBeGreaterThan(20);
  expect((await newestBodies())[0]).toBe(`message ${said}`);
  expect((await parley('rebuild', '--dry-run').done).code).toBe(0);
});

test('a rebuild killed in the middle goes on where it was', async () => {
  const begun = parley('rebuild', '--throttle', '20');
  await vi.waitFor(async () => {
    const { rows } = await client.query('SELECT min(sequence)::int AS at FROM read_model_next.checkpoints');
    expect(rows[0].at).toBeGreaterThan(0);
  }, patiently);
  begun.child.kill('SIGKILL');
  await begun.done;
  await client.query(`UPDATE read_model.messages SET body = 'wrong' WHERE ordinal = 1`);
  const again = await parley('rebuild', '--json').done;
  expect(again.code).toBe(0);
  expect(JSON.parse(again.output)).toMatchObject({ resumed: true });
  expect(await wrongRows()).toBe(0);
  await say();
  expect((await newestBodies())[0]).toBe(`message ${said}`);
});
