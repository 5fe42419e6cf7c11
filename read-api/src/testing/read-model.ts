import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PostgresServer, startPostgres } from '@parley/deploy/testing';
import { createLogger, createPool } from '@parley/runtime';
import type { Pool, PoolClient } from 'pg';
import { inSnapshot, type Snapshot } from '../snapshot.ts';

/** The tables as the projector makes them: services do not import each other, so its files are read. */
const MIGRATIONS = new URL('../../../projector/migrations/', import.meta.url);
const START = Date.UTC(2026, 0, 1);
const BUILT_THROUGH = 10;

export const EPOCH = '0190a000-0000-4000-8000-00000000e90c';
export const logger = createLogger({ name: 'test', level: 'silent' });
/** `uuid(1)`, `uuid(2)`… in ascending order. */
export const uuid = (n: number): string => `0190a000-0000-7000-8000-${String(n).padStart(12, '0')}`;
/** Minutes after a fixed moment, as the API writes times. */
export const timeOf = (minutes: number): string => new Date(START + minutes * 60_000).toISOString();

interface ConversationOptions {
  type?: string;
  /** So many messages, one a minute after `createdAt`. */
  messages?: number;
  /** Ordinals of tombstones among them. */
  deleted?: readonly number[];
  createdAt?: string;
  version?: number;
}

/** A Postgres of a test file's own, with the rows that the projector would write. */
export class ReadModel {
  readonly server: PostgresServer;
  readonly pool: Pool;
  readonly #dir: string;

  private constructor(server: PostgresServer, dir: string) {
    this.server = server;
    this.#dir = dir;
    this.pool = createPool({ url: server.url, name: 'test', logger, statementTimeoutMs: 0 });
  }

  static async start(): Promise<ReadModel> {
    const dir = await mkdtemp(join(tmpdir(), 'parley-read-api-'));
    return new ReadModel(await startPostgres({ dir, fast: true }), dir);
  }

  async stop(): Promise<void> {
    await this.pool.end();
    await this.server.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }

  /** An empty read model that has folded the log through sequence 10. */
  async build(): Promise<void> {
    const files = (await readdir(MIGRATIONS)).filter((file) => file.endsWith('.sql')).sort();
    const tables = await Promise.all(files.map((file) => readFile(new URL(file, MIGRATIONS), 'utf8')));
    await this.pool.query(['drop schema if exists read_model cascade;', ...tables].join('\n'));
    await this.reach(BUILT_THROUGH);
  }

  /** No conversations any more; the position stays. */
  async empty(): Promise<void> {
    await this.pool.query(
      'delete from read_model.conversations; delete from read_model.members; delete from read_model.messages',
    );
  }

  /** The lowest lane at `sequence`, another ahead of it, and the word to those who wait, in one transaction. */
  async reach(sequence: number): Promise<void> {
    await this.pool.query(
      `with moved as (
         insert into read_model.checkpoints
         select lane, $1, $2::bigint + lane, 'commit', 1, now() from generate_series(0, 1) lane
         on conflict (lane) do update set epoch = excluded.epoch, sequence = excluded.sequence
         returning epoch, sequence)
       select pg_notify('parley_position', epoch || ':' || sequence) from moved`,
      [EPOCH, sequence],
    );
  }

  async conversation(id: string, options: ConversationOptions = {}): Promise<void> {
    const { type = 'group', messages = 0, deleted = [], createdAt = timeOf(0) } = options;
    await this.pool.query(
      `insert into read_model.conversations
       select $1, $2, 'Room', null, $3::timestamptz, 'ann', 0, $4::int, $5,
         case when $4 > 0 then $3::timestamptz + $4 * interval '1 minute' end, $6, 1`,
      [id, type, createdAt, messages, Math.max(0, ...deleted), options.version ?? messages + 1],
    );
    await this.pool.query(
      `insert into read_model.messages (conversation_id, ordinal, message_id, sequence, sender_id, sent_at, body,
         format, deleted_at, deleted_by, version)
       select $1, n, gen_random_uuid(), n, 'ann', $2::timestamptz + n * interval '1 minute',
         case when not gone then 'message ' || n end, 'plain', case when gone then now() end,
         case when gone then 'mod' end, n + 1
       from (select n, n = any($4::int[]) as gone from generate_series(1, $3::int) n) numbered`,
      [id, createdAt, messages, deleted],
    );
  }

  async member(id: string, userId: string, readOrdinal = 0, hasLeft = false): Promise<void> {
    await this.pool.query(`insert into read_model.members values ($1, $2, 'member', $3, 1, $4, $5, $6)`, [
      id,
      userId,
      timeOf(0),
      readOrdinal,
      hasLeft ? 2 : null,
      hasLeft ? 'left' : null,
    ]);
  }

  read<T>(query: (snapshot: Snapshot) => Promise<T>): Promise<T> {
    return inSnapshot(this.pool, query);
  }

  /**
   * The tables that a query reads from end to end: planned for its values, and as the server plans a statement that it
   * has prepared and knows no values of.
   */
  async scannedBy(query: (snapshot: Snapshot) => Promise<unknown>): Promise<string[]> {
    const scans: string[] = [];
    for (const { text, values } of await this.#statementsOf(query)) {
      const client = await this.pool.connect();
      const literals = values.map((value) => (value === null ? 'null' : client.escapeLiteral(String(value))));
      await client.query(`prepare statement as ${text}`);
      for (const mode of ['force_custom_plan', 'force_generic_plan']) {
        await client.query(`set plan_cache_mode = ${mode}`);
        const { rows } = await client.query<{ 'QUERY PLAN': string }>(
          `explain (analyze) execute statement(${literals.join(', ')})`,
        );
        const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
        if (!plan.includes('Index')) throw new Error(`this plan cannot be judged:\n${plan}`);
        scans.push(...[...plan.matchAll(/Seq Scan on (\w+)/g)].map(([, table]) => `${mode}: ${table}`));
      }
      // Not given back: it keeps the statement and the setting.
      client.release(true);
    }
    return scans;
  }

  async #statementsOf(query: (snapshot: Snapshot) => Promise<unknown>): Promise<Statement[]> {
    const statements: Statement[] = [];
    await this.read(({ client, asOf }) => {
      const watched: PoolClient = Object.create(client, {
        query: {
          value: (statement: Statement) => {
            statements.push(statement);
            return client.query(statement);
          },
        },
      });
      return query({ client: watched, asOf });
    });
    if (statements.length === 0) throw new Error('the query sent no statement');
    return statements;
  }
}

interface Statement {
  text: string;
  values: (string | number | null)[];
}
