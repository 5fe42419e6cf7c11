import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '@parley/deploy/testing';
import { createLogger, Metrics } from '@parley/runtime';
import { Client, type Pool } from 'pg';
import { declareProjectorMetrics } from '../metrics.ts';
import { migrateReadModel } from '../migrate.ts';

export const logger = createLogger({ name: 'projector', level: 'silent' });

/** A Postgres of this test file's own, so that it can be killed. */
export async function privatePostgres() {
  const dir = await mkdtemp(join(tmpdir(), 'parley-projector-'));
  const server = await startPostgres({ dir, fast: true });
  return {
    server,
    /** Address of a new database with the read model's tables. */
    async readModel(): Promise<string> {
      const name = `test_${randomBytes(6).toString('hex')}`;
      const admin = new Client({ connectionString: server.adminUrl });
      await admin.connect();
      await admin.query(`CREATE DATABASE ${name}`);
      await admin.end();
      await migrateReadModel(server.urlOf(name));
      return server.urlOf(name);
    },
    async stop(): Promise<void> {
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

export const freshMetrics = () => declareProjectorMetrics(new Metrics('projector'));

const TABLES = {
  conversations: 'id',
  members: 'conversation_id, user_id COLLATE "C"',
  member_changes: 'conversation_id, version, user_id COLLATE "C"',
  audience_users: 'conversation_id, user_id COLLATE "C"',
  audience_cursors: 'conversation_id, user_id COLLATE "C"',
  bans: 'conversation_id, user_id COLLATE "C"',
  invites: 'conversation_id, user_id COLLATE "C"',
  messages: 'conversation_id, ordinal',
  message_edits: 'conversation_id, ordinal, version',
  mentions: 'conversation_id, ordinal, user_id COLLATE "C"',
  reactions: 'conversation_id, version',
  pins: 'conversation_id, version',
  threads: 'conversation_id, ordinal',
  thread_followers: 'conversation_id, ordinal, user_id COLLATE "C"',
  audit: 'conversation_id, version',
  command_results: 'command_id, aggregate',
};

export type Rows = Record<keyof typeof TABLES, Record<string, unknown>[]>;

/** Every row that the conversation lanes write, in a fixed order. */
export async function allRows(pool: Pool): Promise<Rows> {
  const tables = await Promise.all(
    Object.entries(TABLES).map(async ([table, order]) => {
      const { rows } = await pool.query(`SELECT * FROM read_model.${table} ORDER BY ${order}`);
      return [table, rows];
    }),
  );
  return Object.fromEntries(tables);
}

/** In log order. */
export async function deadLetters(pool: Pool): Promise<Record<string, unknown>[]> {
  const { rows } = await pool.query(
    `SELECT key, sequence, reason, attempts, retry_at FROM read_model.dead_letters ORDER BY key COLLATE "C", sequence`,
  );
  return rows;
}

/** DELETE, because TRUNCATE makes new files: of these few rows it takes ten times as long. */
export async function emptyReadModel(pool: Pool): Promise<void> {
  const tables = [...Object.keys(TABLES), 'checkpoints', 'dead_letters'].map(
    (table) => `read_model.${table}`,
  );
  await pool.query(
    [...tables, 'parley_operators.skipped_commits'].map((table) => `DELETE FROM ${table}`).join(';'),
  );
}
