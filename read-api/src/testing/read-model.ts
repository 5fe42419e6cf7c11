import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConversationType, formatPosition } from '@parley/contracts';
import { type PostgresServer, startPostgres } from '@parley/deploy/testing';
import { createLogger } from '@parley/runtime';
import { Client, type ClientBase, type Pool } from 'pg';

/** The tables as the projector makes them; services do not import each other, so its files are read. */
const MIGRATIONS = new URL('../../../projector/migrations/', import.meta.url);
const LANES = 2;
const DAY_ONE = Date.UTC(2026, 0, 1);

export const EPOCH = '0190a000-0000-4000-8000-00000000e90c';
export const logger = createLogger({ name: 'test', level: 'silent' });
export const position = (sequence: number): string => formatPosition(EPOCH, sequence);

/** Conversation ids for tests: `conversation(1)`, `conversation(2)`… in ascending order. */
export const conversation = (n: number): string => `0190a000-0000-7000-8000-${String(n).padStart(12, '0')}`;
/** The id of message `ordinal` of any conversation. */
export const message = (ordinal: number): string =>
  `0190a000-0000-7000-9000-${String(ordinal).padStart(12, '0')}`;
export const minute = (n: number): Date => new Date(DAY_ONE + n * 60_000);

/** A Postgres of this test file's own, so that it can be killed. */
export async function privatePostgres(): Promise<{
  server: PostgresServer;
  readModel(): Promise<string>;
  stop(): Promise<void>;
}> {
  const dir = await mkdtemp(join(tmpdir(), 'parley-read-api-'));
  const server = await startPostgres({ dir, fast: true });
  return {
    server,
    /** Address of a new database with the read model's tables. */
    async readModel() {
      const name = `test_${randomBytes(6).toString('hex')}`;
      await withClient(server.adminUrl, (admin) => admin.query(`create database ${name}`));
      await withClient(server.urlOf(name), createTables);
      return server.urlOf(name);
    },
    async stop() {
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function withClient(connectionString: string, use: (client: Client) => Promise<unknown>): Promise<void> {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    await use(client);
  } finally {
    await client.end();
  }
}

export async function createTables(client: ClientBase): Promise<void> {
  const files = (await readdir(MIGRATIONS)).filter((file) => file.endsWith('.sql')).sort();
  for (const file of files) await client.query(await readFile(new URL(file, MIGRATIONS), 'utf8'));
}

export interface ConversationRow {
  id: string;
  type?: ConversationType;
  messages?: number;
  lastMessageAt?: Date | string | null;
  createdAt?: Date;
  lastDeletedOrdinal?: number;
  members?: number;
  title?: string | null;
}

/** Writes the rows that the projector would write. */
export class ReadModelWriter {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async clear(): Promise<void> {
    await this.#pool.query(
      'truncate read_model.conversations, read_model.members, read_model.messages, read_model.checkpoints',
    );
  }

  /** Every lane at `sequence`, and the word to those who wait, in one transaction. */
  async reach(sequence: number, epoch = EPOCH): Promise<void> {
    await this.#pool.query(
      `with moved as (
         insert into read_model.checkpoints
         select lane, $1, $2::bigint, 'c', 1, now() from generate_series(0, $3::int - 1) lane
         on conflict (lane) do update set epoch = excluded.epoch, sequence = excluded.sequence
         returning epoch, sequence)
       select pg_notify('parley_position', epoch || ':' || sequence) from moved`,
      [epoch, sequence, LANES],
    );
  }

  async conversation(row: ConversationRow): Promise<void> {
    const { id, type = 'group', messages = 0, lastMessageAt = null, createdAt = minute(0) } = row;
    await this.#pool.query(
      `insert into read_model.conversations
         (id, type, title, created_at, created_by, member_count, message_count, last_deleted_ordinal, last_message_at,
          version, sequence)
       values ($1, $2, $3, $4, 'creator', $5, $6, $7, $8, $9, 1)`,
      [
        id,
        type,
        row.title ?? null,
        createdAt,
        row.members ?? 1,
        messages,
        row.lastDeletedOrdinal ?? 0,
        lastMessageAt,
        messages + 1,
      ],
    );
  }

  async member(
    id: string,
    userId: string,
    { readOrdinal = 0, left = false, role = 'member' }: { readOrdinal?: number; left?: boolean; role?: string } = {},
  ): Promise<void> {
    await this.#pool.query(
      `insert into read_model.members
         (conversation_id, user_id, role, joined_at, joined_sequence, read_ordinal, left_sequence, left_reason)
       values ($1, $2, $3, $4, 1, $5, $6, $7)`,
      [id, userId, role, minute(0), readOrdinal, left ? 2 : null, left ? 'left' : null],
    );
  }

  /** Messages 1 to `count`, those in `deleted` as tombstones. */
  async messages(id: string, count: number, deleted: readonly number[] = []): Promise<void> {
    await this.#pool.query(
      `insert into read_model.messages
         (conversation_id, ordinal, message_id, sequence, sender_id, sent_at, body, format, deleted_at, deleted_by,
          delete_reason, version)
       select $1, n, ('0190a000-0000-7000-9000-' || lpad(n::text, 12, '0'))::uuid, n + 100, 'sender',
         $4::timestamptz + n * interval '1 minute', case when n = any($3::int[]) then null else 'message ' || n end,
         'plain', case when n = any($3::int[]) then now() end, case when n = any($3::int[]) then 'moderator' end,
         case when n = any($3::int[]) then 'spam' end, n + 1
       from generate_series(1, $2::int) n`,
      [id, count, [...deleted], minute(0)],
    );
  }
}

/** Resolves when `holds` says yes; whoever calls has a deadline of its own. */
export async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}
