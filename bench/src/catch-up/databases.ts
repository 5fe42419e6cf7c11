import type { Pool } from 'pg';
import { openPool } from '../frame/pool.ts';

const BLANK = 'blank';

/** Databases with the read model's tables and nothing in them, as many as are asked for. */
export class Databases {
  readonly #admin: Pool;
  readonly #urlOf: (database: string) => string;
  #made = 0;

  constructor(options: { adminUrl: string; urlOf(database: string): string }) {
    this.#admin = openPool(options.adminUrl);
    this.#urlOf = options.urlOf;
  }

  /** Makes the pattern from a database that was migrated and filled; nobody may be connected to it. */
  async makeBlank(from: string): Promise<void> {
    await this.#admin.query(`CREATE DATABASE ${BLANK} TEMPLATE ${from}`);
    const pool = openPool(this.#urlOf(BLANK));
    try {
      const { rows } = await pool.query<{ list: string }>(
        `SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') AS list FROM pg_tables WHERE schemaname = 'read_model'`,
      );
      await pool.query(`TRUNCATE ${rows[0]?.list}`);
    } finally {
      await pool.end();
    }
  }

  /** Runs `use` on a fresh one and drops it. What earlier work left to be written is written before. */
  async withFresh<T>(use: (url: string) => Promise<T>): Promise<T> {
    const name = `run_${++this.#made}`;
    await this.#admin.query(`CREATE DATABASE ${name} TEMPLATE ${BLANK}`);
    await this.#admin.query('CHECKPOINT');
    try {
      return await use(this.#urlOf(name));
    } finally {
      await this.#admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
    }
  }

  close(): Promise<void> {
    return this.#admin.end();
  }
}

/** Rows of every table that holds what the projector made. */
export async function countRows(url: string): Promise<Record<string, number>> {
  const pool = openPool(url);
  try {
    const { rows: tables } = await pool.query<{ name: string }>(
      `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'read_model' AND tablename <> 'checkpoints' ORDER BY 1`,
    );
    const counts: Record<string, number> = {};
    for (const { name } of tables) {
      const { rows } = await pool.query(`SELECT count(*)::int AS rows FROM read_model.${name}`);
      counts[name] = rows[0]?.rows;
    }
    return counts;
  } finally {
    await pool.end();
  }
}
