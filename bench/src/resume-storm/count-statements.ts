import { readFileSync, statSync } from 'node:fs';
import { setTimeout as after } from 'node:timers/promises';
import type { Pool } from 'pg';
import { openPool } from '../frame/pool.ts';

const STATEMENT = /LOG: {2}(?:execute|statement)/g;
const POLL_MS = 20;

/**
 * How many statements Postgres executed meanwhile: it is told to log each one, and the lines are counted. Its own counters
 * come up to ten seconds late, and the extension that has better ones is not everywhere.
 */
export async function countStatements(
  database: { adminUrl: string; logFile: string },
  meanwhile: () => Promise<unknown>,
): Promise<number> {
  const pool = openPool(database.adminUrl);
  try {
    await log(pool, 'all');
    const from = statSync(database.logFile).size;
    await meanwhile();
    const logged = readFileSync(database.logFile).subarray(from).toString();
    return logged.match(STATEMENT)?.length ?? 0;
  } finally {
    await log(pool, 'none');
    await pool.end();
  }
}

async function log(pool: Pool, statements: 'all' | 'none'): Promise<void> {
  await pool.query(`ALTER SYSTEM SET log_statement = '${statements}'`);
  await pool.query('SELECT pg_reload_conf()');
  for (;;) {
    // Another connection each time would see it too; this one sees it with its next command.
    const { rows } = await pool.query('SHOW log_statement');
    if (rows[0]?.log_statement === statements) return;
    await after(POLL_MS);
  }
}
