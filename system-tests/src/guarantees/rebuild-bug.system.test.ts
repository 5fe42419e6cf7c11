import { parsePosition } from '@parley/contracts';
import type { LocalServer } from '@parley/deploy/testing';
import { LOCK_SPACE, type VerifyReport } from '@parley/projector';
import { Client } from 'pg';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { sendCommand } from '../testing/backend.ts';
import { type Operator, startOperator } from '../testing/operator.ts';
import { withPatch } from '../testing/patched-module.ts';

const patiently = { timeout: 60_000, interval: 50 };
const VERIFY_LOCK = 4;
/** Rooms, and how many messages each gets: what the numbers are told by, without any fold. */
const rooms = [7, 12, 1].map((messages) => ({ id: uuidv7(), messages }));

let operator: Operator;
let commands: LocalServer;
let projector: LocalServer;
let newest = 0;

beforeAll(async () => {
  operator = await startOperator();
  const { backend, dir } = operator;
  // A release that forgets the newest message of every room.
  const bug = await withPatch(dir, {
    module: '/projector/dist/projections/conversations.js',
    right: 'change.messageCount = ordinal;',
    wrong: 'change.messageCount = ordinal - 1;',
  });
  projector = await backend.start('projector', bug);
  commands = await backend.start('command-api');
  for (const { id, messages } of rooms) {
    await command('conversation.create', { type: 'group', conversationId: id, title: 'Room', members: [] });
    for (let n = 0; n < messages; n++)
      await command('message.send', { conversationId: id, body: `message ${n + 1}` });
  }
  await caughtUp();
});
afterAll(() => operator?.stop());

async function command(type: string, data: object): Promise<void> {
  const token = await operator.backend.token('ann');
  const reply = await sendCommand(commands, token, type, { key: uuidv7(), data });
  expect(reply.status, JSON.stringify(reply.body)).toBe(200);
  newest = parsePosition(reply.body.position ?? '')?.sequence ?? newest;
}

async function caughtUp(): Promise<void> {
  await vi.waitFor(async () => {
    const { rows } = await operator.db.query('SELECT min(sequence)::int AS at FROM read_model.checkpoints');
    expect(rows[0].at).toBeGreaterThanOrEqual(newest);
  }, patiently);
}

async function counts(): Promise<number[]> {
  const { rows } = await operator.db.query('SELECT id, message_count FROM read_model.conversations');
  return rooms.map(({ id }) => rows.find((row) => row.id === id)?.message_count);
}

const expected = () => rooms.map(({ messages }) => messages);
const forgotten = () => rooms.map(({ messages }) => messages - 1);

test('what a projector with a bug has written is found, with the first row and the events that should have made it', async () => {
  expect(await counts()).toEqual(forgotten());
  const { code, output, told } = await operator.parley('verify', '--json');
  expect(code, told).toBe(1);
  const { tables }: VerifyReport = JSON.parse(output);
  const [conversations, ...others] = tables.filter(({ different }) => different > 0);
  expect(others).toEqual([]);
  expect(conversations).toMatchObject({
    table: 'conversations',
    missing: 0,
    extra: 0,
    different: rooms.length,
  });
  const { first, events } = conversations ?? expect.fail();
  const room = rooms.find(({ id }) => id === first?.key.id) ?? expect.fail();
  expect(first).toMatchObject({ kind: 'different', columns: ['message_count'] });
  expect([first?.left, first?.right]).toMatchObject([
    { message_count: `${room.messages - 1}` },
    { message_count: `${room.messages}` },
  ]);
  expect(events.map(({ type }) => type)).toEqual([
    'conversation.created',
    ...Array.from({ length: room.messages }, () => 'message.sent'),
  ]);
});

test('the release without it makes the numbers right by a rebuild, and a rollback is one command in either direction', async () => {
  await projector.stop();
  projector = await operator.backend.start('projector');
  const rebuilt = await operator.parley('rebuild');
  expect(rebuilt.code, rebuilt.told).toBe(0);
  expect(rebuilt.output).toMatch(/conversations +0 +0 +3/);
  expect(rebuilt.output).toContain('readers waited');
  expect(await counts()).toEqual(expected());
  expect((await operator.parley('verify')).code).toBe(0);
  expect((await operator.parley('rebuild', '--rollback')).code).toBe(0);
  expect(await counts()).toEqual(forgotten());
  expect((await operator.parley('rebuild', '--rollback')).code).toBe(0);
  expect(await counts()).toEqual(expected());
});

test('a rollback killed while it catches up, and killed before the exchange, is ended by the same command', async () => {
  const [room] = rooms;
  if (!room) throw new Error('no rooms');
  await command('message.send', { conversationId: room.id, body: 'since then' });
  room.messages += 1;
  await caughtUp();
  const holder = new Client({ connectionString: operator.databaseUrl });
  await holder.connect();

  // The old tables are renamed, and their first write waits for this lock.
  await holder.query('BEGIN; LOCK TABLE read_model_previous.messages IN EXCLUSIVE MODE');
  const first = operator.begin('rebuild', '--rollback');
  await vi.waitFor(async () => {
    const { rowCount } = await operator.db.query(
      `SELECT FROM pg_locks WHERE NOT granted AND relation = to_regclass('read_model_next.messages')`,
    );
    expect(rowCount).toBe(1);
  }, patiently);
  first.child.kill('SIGKILL');
  await first.done;
  await holder.query('ROLLBACK');
  expect(await counts()).toEqual(expected());
  // What waits to come back is not thrown away by a rebuild.
  const refused = await operator.parley('rebuild', '--dry-run');
  expect([refused.code, refused.told]).toEqual([3, expect.stringContaining('parley rebuild --rollback')]);

  await holder.query('BEGIN; SELECT count(*) FROM read_model.messages');
  const second = operator.begin('rebuild', '--rollback');
  await vi.waitFor(() => expect(second.told()).toContain('waiting to exchange the tables'), patiently);
  second.child.kill('SIGKILL');
  await second.done;
  await holder.query('ROLLBACK');
  await holder.end();
  expect(await counts()).toEqual(expected());

  const third = await operator.parley('rebuild', '--rollback');
  expect(third.code, third.told).toBe(0);
  // The old numbers, but for the message that this release has counted since.
  expect(await counts()).toEqual(rooms.map((each) => (each === room ? each.messages : each.messages - 1)));
  expect((await operator.parley('rebuild', '--rollback')).code).toBe(0);
  expect(await counts()).toEqual(expected());
  expect((await operator.parley('verify')).code).toBe(0);
});

test('a second verification and a second rebuild are told who is busy, and what can be done', async () => {
  const client = new Client({ connectionString: operator.databaseUrl, application_name: 'somebody' });
  await client.connect();
  await client.query('SELECT pg_advisory_lock($1, $2), pg_advisory_lock($1, 3)', [LOCK_SPACE, VERIFY_LOCK]);
  for (const words of [['verify'], ['rebuild'], ['rebuild', '--rollback']]) {
    const { code, told } = await operator.parley(...words);
    expect(code).toBe(3);
    expect(told).toContain('runs: somebody from');
    expect(told).toContain('pg_terminate_backend');
  }
  await client.end();
});
