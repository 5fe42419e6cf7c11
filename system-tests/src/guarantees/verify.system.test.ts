import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LocalServer, startNats, startPostgres, startRedis } from '@parley/deploy/testing';
import type { VerifyReport } from '@parley/projector';
import { Client } from 'pg';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Backend, sendCommand, startBackend } from '../testing/backend.ts';

const PARLEY = join(import.meta.dirname, '../../../cli/dist/main.js');
const MESSAGES = 30;

let dir: string;
let servers: { url: string; stop(): Promise<void> }[];
let places: { natsUrl: string; databaseUrl: string; redisUrl: string };
let backend: Backend;
let projector: LocalServer;
let commands: LocalServer;
let client: Client;
let conversationId: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'parley-verify-'));
  const nats = await startNats({ dir: join(dir, 'nats') });
  const postgres = await startPostgres({ dir: join(dir, 'postgres'), fast: true });
  const redis = await startRedis({ dir: join(dir, 'redis') });
  servers = [nats, postgres, redis];
  places = { natsUrl: nats.url, databaseUrl: postgres.url, redisUrl: redis.url };
  backend = await startBackend({ shared: places });
  projector = await backend.start('projector');
  commands = await backend.start('command-api');
  client = new Client({ connectionString: postgres.url });
  await client.connect();
  await haveTalked();
});
afterAll(async () => {
  await client?.end();
  await backend?.stop();
  for (const server of servers ?? []) await server.stop();
  await rm(dir, { recursive: true, force: true });
});

async function command(userId: string, type: string, data: object) {
  const reply = await sendCommand(commands, await backend.token(userId), type, { key: uuidv7(), data });
  expect(reply.status, JSON.stringify(reply.body)).toBe(200);
  return reply;
}

const say = (text: string) => command('ann', 'message.send', { conversationId, body: text });

/** A conversation with messages, cursors and reactions, all of it in the read model. */
async function haveTalked(): Promise<void> {
  conversationId = uuidv7();
  const members = [{ userId: 'bob' }, { userId: 'dän "x"' }];
  await command('ann', 'conversation.create', { type: 'group', conversationId, title: 'Room', members });
  for (let n = 1; n <= MESSAGES; n++) await say(`message ${n}`);
  await command('bob', 'messages.read', { conversationId, ordinal: 7 });
  await command('dän "x"', 'user.set-profile', { displayName: 'Dän' });
  await vi.waitFor(
    async () => {
      const { rows } = await client.query(
        'SELECT count(*)::int AS there FROM read_model.members WHERE conversation_id = $1 AND read_ordinal = 7',
        [conversationId],
      );
      const users = await client.query('SELECT FROM read_model.users');
      expect([rows[0]?.there, users.rowCount]).toEqual([1, 1]);
    },
    { timeout: 30_000, interval: 50 },
  );
}
/** Runs `parley` as an operator would. */
async function parley(...words: string[]): Promise<{ code: number; output: string; told: string }> {
  const { natsUrl, databaseUrl } = places;
  const child = spawn(process.execPath, [PARLEY, ...words, '--nats', natsUrl, '--postgres', databaseUrl]);
  let [output, told] = ['', ''];
  child.stdout.on('data', (text) => {
    output += text;
  });
  child.stderr.on('data', (text) => {
    told += text;
  });
  const [code] = await once(child, 'close');
  return { code, output, told };
}

async function verified(...words: string[]): Promise<{ code: number; report: VerifyReport }> {
  const { code, output, told } = await parley('verify', '--json', ...words);
  expect(output, told).not.toBe('');
  return { code, report: JSON.parse(output) };
}

const differing = ({ tables }: VerifyReport) =>
  tables.filter(({ missing, extra, different }) => missing + extra + different > 0);

async function scratchIsGone(): Promise<boolean> {
  const { rows } = await client.query(`SELECT to_regnamespace('read_model_verify') IS NULL AS gone`);
  return rows[0]?.gone;
}

test('a sound read model is verified while messages are appended, and what a killed run left is cleaned up', async () => {
  await client.query('CREATE SCHEMA read_model_verify CREATE TABLE messages (left_over int)');
  let [sent, ended] = [0, false];
  const talking = (async () => {
    for (; !ended; sent++) await say(`meanwhile ${sent}`);
  })();
  const { code, report } = await verified();
  ended = true;
  await talking;
  expect(differing(report)).toEqual([]);
  expect([code, report.clean, report.misfit]).toEqual([0, true, null]);
  const rows = Object.fromEntries(report.tables.map((table) => [table.table, table.rows]));
  expect(rows.messages?.left).toBeGreaterThanOrEqual(MESSAGES);
  expect(rows.members).toEqual({ left: 3, right: 3 });
  expect(rows.users).toEqual({ left: 1, right: 1 });
  expect(rows.checkpoints).toBeUndefined();
  expect(sent).toBeGreaterThan(0);
  expect(await scratchIsGone()).toBe(true);
});

test('one corrupted message is found, with the events that should have made it', async () => {
  const where = `conversation_id = '${conversationId}' AND ordinal = 3`;
  await client.query(`UPDATE read_model.messages SET body = 'forged' WHERE ${where}`);
  const { code, report } = await verified();
  expect(code).toBe(1);
  expect(report.clean).toBe(false);
  const [messages, ...others] = differing(report);
  expect(others).toEqual([]);
  expect(messages).toMatchObject({ table: 'messages', missing: 0, extra: 0, different: 1 });
  expect(messages?.first).toMatchObject({
    kind: 'different',
    key: { conversation_id: conversationId, ordinal: '3' },
    columns: ['body'],
    left: { body: 'forged' },
    right: { body: 'message 3' },
  });
  const { rows } = await client.query(`SELECT sequence FROM read_model.messages WHERE ${where}`);
  expect(messages?.events).toMatchObject([
    { sequence: Number(rows[0].sequence), type: 'message.sent', actor: 'ann', data: { body: 'message 3' } },
  ]);

  const shown = await parley('verify');
  expect(shown.code).toBe(1);
  for (const text of ['DIFFERS', '"forged"', '"message 3"', 'message.sent', '1 of ', 'parley rebuild']) {
    expect(shown.output).toContain(text);
  }
  await client.query(`UPDATE read_model.messages SET body = 'message 3' WHERE ${where}`);
});

test('a lost row of a member is found, with the cursors that moved it', async () => {
  const { rows } = await client.query(
    `DELETE FROM read_model.members WHERE conversation_id = '${conversationId}' AND user_id = 'bob' RETURNING *`,
  );
  const { code, report } = await verified();
  expect(code).toBe(1);
  const [members] = differing(report);
  expect(members).toMatchObject({
    table: 'members',
    missing: 1,
    first: { left: null, key: { user_id: 'bob' } },
  });
  expect(members?.events.map(({ type }) => type)).toEqual(['conversation.created', 'cursors.advanced']);
  await client.query(
    `INSERT INTO read_model.members SELECT * FROM json_populate_record(null::read_model.members, $1)`,
    [JSON.stringify(rows[0])],
  );
  expect((await verified()).code).toBe(0);
});

test('a sample holds some of the conversations and users, and all of their rows', async () => {
  const half = await verified('--sample', '50');
  expect(half.code).toBe(0);
  expect(half.report).toMatchObject({ sample: 50, clean: true });
  expect((await parley('verify', '--sample', '0')).code).toBe(2);
});

test('status tells how far the lanes are and who projects, and afterwards that nobody does', async () => {
  const { code, output } = await parley('status', '--json');
  const status = JSON.parse(output);
  expect(code).toBe(0);
  expect(status).toMatchObject({ healthy: true, diverged: null, deadLetters: { keys: 0 }, skipped: 0 });
  expect(status.owner).toMatchObject({ name: 'parley-projector-lock' });
  expect(status.lanes).toHaveLength(2);
  expect(status.schemas).toMatchObject([{ name: 'read_model' }]);
  expect((await parley('status')).output).toContain('All is well.');
  await projector.stop();
  const later = await parley('status');
  expect(later.code).toBe(1);
  expect(later.output).toContain('Nobody projects');
});

test('a read model of another log is told, with what to do, and nothing is compared', async () => {
  await client.query(`UPDATE read_model.checkpoints SET commit_id = 'another' WHERE lane = 0`);
  const { code, report } = await verified();
  expect(code).toBe(1);
  expect(report).toMatchObject({ clean: false, tables: [] });
  expect(report.misfit).toContain('another');
  expect((await parley('verify')).output).toContain('parley rebuild');
});
