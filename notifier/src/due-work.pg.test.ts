import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CommandInput, CommandType } from '@parley/contracts';
import { type PostgresServer, startPostgres } from '@parley/deploy/testing';
import { createLogger, createPool, Metrics } from '@parley/runtime';
import type { Pool } from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { deliverDueMessages, PutOff } from './due-messages.ts';
import { expireMessages } from './expired-messages.ts';
import { declareNotifierMetrics } from './metrics.ts';
import type { SendCommand } from './send-command.ts';

/** The tables as the projector makes them: services do not import each other, so its files are read. */
const MIGRATIONS = new URL('../../projector/migrations/', import.meta.url);
const NOW = new Date(Date.UTC(2026, 5, 1));
const hours = (n: number): Date => new Date(NOW.getTime() + n * 3_600_000);
const uuid = (n: number): string => `0190a000-0000-7000-8000-${String(n).padStart(12, '0')}`;

let dir: string;
let server: PostgresServer;
let pool: Pool;
let asked: { type: CommandType; data: unknown }[];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'parley-notifier-'));
  server = await startPostgres({ dir, fast: true });
  pool = createPool({
    url: server.url,
    name: 'test',
    logger: createLogger({ name: 'test', level: 'silent' }),
  });
  const files = (await readdir(MIGRATIONS)).filter((name) => name.endsWith('.sql')).sort();
  for (const file of files) await pool.query(await readFile(new URL(file, MIGRATIONS), 'utf8'));
});
afterAll(async () => {
  await pool?.end();
  await server?.stop();
  await rm(dir, { recursive: true, force: true });
});
beforeEach(async () => {
  asked = [];
  await pool.query('truncate read_model.scheduled_messages, read_model.conversations, read_model.messages');
});

const DONE = { kind: 'accepted', result: { outcome: 'sent' } };

/** What the command API is asked for; it answers that it did it, unless `refuses` says otherwise. */
function work(refuses: (data: unknown) => boolean = () => false, reply: object = DONE) {
  const send: SendCommand = async <T extends CommandType>(type: T, data: CommandInput<T>) => {
    asked.push({ type, data });
    if (refuses(data)) throw new Error('the command API is away');
    return reply as never;
  };
  return { pool, send, metrics: declareNotifierMetrics(new Metrics('test')), putOff: new PutOff() };
}

async function schedule(n: number, dueAt: Date, state = 'pending'): Promise<void> {
  await pool.query(
    `insert into read_model.scheduled_messages (user_id, schedule_id, conversation_id, due_at, message, state)
     values ('anna', $1, $2, $3, '{}', $4)`,
    [uuid(n), uuid(0), dueAt, state],
  );
}

async function conversation(
  id: string,
  sentAt: readonly Date[],
  settings: object,
  expired = 0,
): Promise<void> {
  await pool.query(
    `insert into read_model.conversations (id, type, settings, created_at, created_by, member_count, message_count,
       expired_ordinal, version, sequence) values ($1, 'group', $2, now(), 'anna', 1, $3, $4, 1, 1)`,
    [id, JSON.stringify(settings), sentAt.length, expired],
  );
  await pool.query(
    `insert into read_model.messages (conversation_id, ordinal, message_id, sequence, sender_id, sent_at, replies, format,
       attachments, mentions, mentions_all, version, sent_version)
     select $1, n, gen_random_uuid(), n, 'anna', at, 0, 'plain', '[]', '{}', false, n, n
       from unnest($2::timestamptz[]) with ordinality as sent (at, n)`,
    [id, sentAt.map((at) => at.toISOString())],
  );
}

test('asks for every message that is due, the longest overdue first, and for a released one again', async () => {
  await schedule(1, hours(-1));
  await schedule(2, hours(-3), 'released');
  await schedule(3, hours(1));
  await schedule(4, hours(-2), 'failed');
  await schedule(5, hours(0));
  expect(await deliverDueMessages(work(), NOW)).toBe(3);
  expect(asked).toEqual(
    [2, 1, 5].map((n) => ({
      type: 'message.deliver-scheduled',
      data: { userId: 'anna', scheduleId: uuid(n) },
    })),
  );
});

test('goes on with the others in the next round when one cannot be asked for', async () => {
  await schedule(1, hours(-2));
  await schedule(2, hours(-1));
  const away = work((data) => (data as { scheduleId: string }).scheduleId === uuid(1));
  await expect(deliverDueMessages(away, NOW)).rejects.toThrow('away');
  expect(await deliverDueMessages(work(), NOW)).toBe(2);
});

test('puts off what must wait for a reason of its own, and asks for the others', async () => {
  await schedule(1, hours(-2));
  const slow = work(undefined, { kind: 'later', retryAfterMs: 3_600_000 });
  await deliverDueMessages(slow, NOW);
  await schedule(2, hours(-1));
  await deliverDueMessages(slow, NOW);
  await deliverDueMessages(slow, hours(1));
  expect(asked.map(({ data }) => (data as { scheduleId: string }).scheduleId)).toEqual([
    uuid(1),
    uuid(2),
    uuid(1),
    uuid(2),
  ]);
});

test('asks to empty what is older than the retention of its conversation, and nothing else', async () => {
  const days = (n: number) => hours(-24 * n);
  const retention = { retentionDays: 7 };
  await conversation(uuid(1), [days(30), days(8), days(6)], retention);
  await conversation(uuid(2), [days(30), days(29)], retention, 2);
  await conversation(uuid(3), [days(6)], retention);
  await conversation(uuid(4), [days(30)], { retentionDays: null });
  expect(await expireMessages(work(), NOW)).toBe(1);
  expect(asked).toEqual([
    { type: 'conversation.expire-messages', data: { conversationId: uuid(1), throughOrdinal: 2 } },
  ]);
});

test('empties a long history step by step', async () => {
  const old = Array.from({ length: 6_000 }, (_, n) => new Date(hours(-24 * 30).getTime() + n));
  await conversation(uuid(1), old, { retentionDays: 1 });
  await expireMessages(work(), NOW);
  await pool.query('update read_model.conversations set expired_ordinal = 5000');
  await expireMessages(work(), NOW);
  expect(asked.map(({ data }) => (data as { throughOrdinal: number }).throughOrdinal)).toEqual([
    5_000, 6_000,
  ]);
});
