import { createPool } from '@parley/runtime';
import fc from 'fast-check';
import type { Pool, PoolClient } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { insertAudit } from '../audit-statements.ts';
import type { OfConversation, SentRow } from '../conversation-rows.ts';
import { insertMessages } from '../message-statements.ts';
import type { AuditEntry, CommandResult } from '../projections/changes.ts';
import { type RowInserter, sendRows } from '../send-rows.ts';
import { insertCommandResults } from '../statements.ts';
import { logger, privatePostgres } from '../testing/database.ts';
import { copyRows } from './copy-rows.ts';

const ROOM = '01890000-0000-7000-8000-000000000001';
const TIME = '2026-01-02T03:04:05.678Z';

let postgres: Awaited<ReturnType<typeof privatePostgres>>;
let pool: Pool;
let client: PoolClient;
beforeAll(async () => {
  postgres = await privatePostgres();
  const url = new URL(await postgres.readModel());
  url.searchParams.set('options', '-c search_path=read_model');
  pool = createPool({ url: url.href, name: 'test', logger });
});
afterAll(async () => {
  await pool?.end();
  await postgres?.stop();
});
beforeEach(async () => {
  client = await pool.connect();
  await client.query('BEGIN');
});
afterEach(async () => {
  vi.restoreAllMocks();
  // A test may have ended the connection.
  const broken = await client.query('ROLLBACK').then(
    () => undefined,
    (error: Error) => error,
  );
  client.release(broken);
});

/** What the table holds afterwards, as text; the table is as before again. */
async function written(table: string, write: () => Promise<number>): Promise<string[]> {
  await client.query('SAVEPOINT written');
  const count = await write();
  const { rows } = await client.query(`SELECT to_json(t)::text AS row FROM ${table} t ORDER BY 1`);
  await client.query('ROLLBACK TO SAVEPOINT written');
  return [`${count} rows sent`, ...rows.map(({ row }) => row)];
}

const awkward = fc.constantFrom(
  ...['', ' ', '\\N', '\\', '\\.', '\\\\n', '\t', '\n', '\r\n', '\b\f\v', '"', "'", 'NULL', '{}', 'a,b'],
  ...[
    'a\0b',
    '\ud800',
    '\udc00x',
    '\u{1f44b}',
    '\u{1f469}\u200d\u{1f680}',
    '\u0085\u2028',
    '\\x41',
    'x'.repeat(70_000),
  ],
);
const text = fc.oneof(awkward, fc.string({ unit: 'binary' }));
const maybe = fc.option(text);
const json = fc.jsonValue().map((value) => JSON.stringify(value));
const uuid = fc.uuid();
const time = fc
  .date({ noInvalidDate: true, min: new Date('0001-01-01'), max: new Date('9999-12-31') })
  .map((date) => date.toISOString());

const edit = fc.record({
  body: maybe,
  format: text,
  ciphertext: fc.option(json),
  mentions: json,
  mentionsAll: fc.boolean(),
  version: fc.nat(),
  sequence: fc.nat(),
  at: time,
  by: text,
});
const sent = fc.record({
  body: maybe,
  format: text,
  ciphertext: fc.option(json),
  mentions: json,
  messageId: uuid,
  version: fc.nat(),
  sequence: fc.nat(),
  senderId: text,
  sentAt: time,
  replies: fc.nat(),
  attachments: json,
  replyTo: fc.option(uuid),
  replyToAuthor: maybe,
  threadId: fc.option(uuid),
  threadOrdinal: fc.option(fc.nat()),
  mentionsAll: fc.boolean(),
  metadata: fc.option(json),
});
const message: fc.Arbitrary<SentRow> = fc.record({
  conversationId: fc.constant(ROOM),
  ordinal: fc.nat(),
  sent,
  expired: fc.boolean(),
  row: fc.record({
    sent: fc.constant(null),
    edits: fc.array(edit, { maxLength: 2 }),
    deletion: fc.option(fc.record({ at: time, by: text, reason: maybe })),
    version: fc.nat(),
  }),
});

const entry = (version: number, deletedOrdinal: number | null): OfConversation<AuditEntry> => ({
  conversationId: ROOM,
  row: { version, sequence: version, at: TIME, actor: 'ann', type: 't', details: '{}', deletedOrdinal },
});
const isPlain = ({ row }: OfConversation<AuditEntry>) => row.deletedOrdinal === null;

const result = (number: number): CommandResult => ({
  commandId: `01890000-0000-7000-8000-${String(number).padStart(12, '0')}`,
  aggregate: 'evt.conv.x',
  sequence: number,
});

describe('rows that are copied', () => {
  it('are stored as the statement stores them, whatever they hold', async () => {
    const messages = fc.uniqueArray(message, { maxLength: 8, selector: ({ ordinal }) => ordinal });
    await fc.assert(
      fc.asyncProperty(messages, async (rows) => {
        const byStatement = await written('messages', () => sendRows(client, insertMessages, rows));
        expect(await written('messages', () => copyRows(client, insertMessages, rows))).toEqual(byStatement);
      }),
      { numRuns: 200 },
    );
  }, 60_000);

  it('go over by COPY, in parts when they are many, and need no other statement', async () => {
    const rows = Array.from({ length: 2_500 }, (_, number) => result(number));
    const queries = vi.spyOn(client, 'query');
    expect(await copyRows(client, insertCommandResults, rows)).toBe(2_500);
    expect(
      queries.mock.calls.flatMap(([query]) => JSON.stringify(query).match(/COPY|INSERT/g) ?? []),
    ).toEqual(['COPY']);
    const { rows: found } = await client.query(
      'SELECT count(*)::int, sum(sequence)::int FROM command_results',
    );
    expect(found).toEqual([{ count: 2_500, sum: (2_499 * 2_500) / 2 }]);
  });

  it('that are there already are passed over where the statement passes over them', async () => {
    await sendRows(client, insertCommandResults, [result(2)]);
    const rows = Array.from({ length: 2_500 }, (_, number) => result(number));
    const write = (insert: RowInserter) => () => insert(client, insertCommandResults, [...rows, result(1)]);
    const byStatement = await written('command_results', write(sendRows));
    expect(byStatement).toHaveLength(2_501);
    expect(await written('command_results', write(copyRows))).toEqual(byStatement);
  });

  it('leave those to the statement that the tables decide about', async () => {
    await client.query(
      `INSERT INTO messages (conversation_id, ordinal, message_id, sequence, sender_id, sent_at, replies, format, attachments,
         mentions, mentions_all, version, sent_version, deleted_at)
       VALUES ('${ROOM}', 5, '${ROOM}', 1, 'ann', now(), 0, 'plain', '[]', '{}', false, 1, 1, now())`,
    );
    const rows = [entry(1, null), entry(2, 5), entry(3, 6), entry(4, null)];
    const write = (insert: RowInserter) => () => insert(client, insertAudit, rows, isPlain);
    const byStatement = await written('audit', write(sendRows));
    expect(byStatement.map((row) => row.match(/"version":\d/)?.[0])).toEqual([
      ...[undefined, '"version":1', '"version":3', '"version":4'],
    ]);
    expect(await written('audit', write(copyRows))).toEqual(byStatement);
  });

  it.each([
    ['a key twice', [entry(1, null), entry(1, null)]],
    ['no JSON', [{ ...entry(1, null), row: { ...entry(1, null).row, details: '{' } }]],
    ['a time that is none', [{ ...entry(1, null), row: { ...entry(1, null).row, at: '\\N' } }]],
    ['an id with a line and a row in it', [{ ...entry(1, null), conversationId: `${ROOM}\n${ROOM}` }]],
  ])('with %s are refused as the statement refuses them', async (_, rows) => {
    const refusal = (insert: RowInserter) =>
      written('audit', () => insert(client, insertAudit, rows, isPlain)).then(
        () => 'taken',
        async (error: Error & { code?: string }) => {
          await client.query('ROLLBACK TO SAVEPOINT written');
          return `${error.code} ${error.message}`;
        },
      );
    const byStatement = await refusal(sendRows);
    expect(byStatement).toMatch(/^2[23]/);
    expect(await refusal(copyRows)).toBe(byStatement);
  });

  it('are told of when the connection is lost on the way', async () => {
    const other = await pool.connect();
    try {
      await other.query('BEGIN; LOCK TABLE command_results');
      const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
      const rejected = expect(
        copyRows(
          client,
          insertCommandResults,
          Array.from({ length: 20_000 }, (_, number) => result(number)),
        ),
      ).rejects.toThrow(/connection|terminat/i);
      await vi.waitFor(async () => {
        const waiting = await other.query('SELECT FROM pg_locks WHERE pid = $1 AND NOT granted', [
          rows[0].pid,
        ]);
        expect(waiting.rowCount).toBe(1);
      });
      await other.query('SELECT pg_terminate_backend($1)', [rows[0].pid]);
      await rejected;
    } finally {
      await other.query('ROLLBACK');
      other.release();
    }
  });
});
