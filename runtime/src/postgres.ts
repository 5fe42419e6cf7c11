import pg from 'pg';
import type { Logger } from './log.ts';

const CONNECT_TIMEOUT_MS = 2_000;
const STATEMENT_TIMEOUT_MS = 10_000;

export interface PoolOptions {
  url: string;
  /** Most connections; 10 unless told. */
  max?: number;
  /** Shown as application_name in pg_stat_activity. */
  name: string;
  logger: Logger;
  /** Longest statement in milliseconds, 10 s unless told; 0 = no limit (bulk work). */
  statementTimeoutMs?: number;
  /** Schema of names that a statement does not qualify. */
  searchPath?: string;
}

/** A pool that connects on first use, fails within 2 s when Postgres is away and never brings the process down. */
export function createPool(options: PoolOptions): pg.Pool {
  const { url, name, logger, max = 10, statementTimeoutMs = STATEMENT_TIMEOUT_MS, searchPath } = options;
  const pool = new pg.Pool({
    connectionString: url,
    max,
    application_name: name,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    ...(searchPath !== undefined && { options: `-c search_path=${searchPath}` }),
    // The server's limit does not end a wait for a frozen server; the client's own does.
    ...(statementTimeoutMs > 0 && {
      statement_timeout: statementTimeoutMs,
      query_timeout: statementTimeoutMs + CONNECT_TIMEOUT_MS,
    }),
  });
  pool.on('error', (error) => logger.warn({ error }, 'idle Postgres connection lost'));
  // A client in use has no listener of the pool: without this one, a lost connection would end the process.
  pool.on('connect', (client) => {
    client.on('error', (error) => logger.debug({ error }, 'Postgres connection lost'));
  });
  return pool;
}

/** Connection exceptions, shutdowns, too many connections, and a statement that ran out of time. */
const AWAY_STATES = /^(08...|57P0[123]|57014|53300)$/;
/** Errors of the client itself carry no code. */
const AWAY_MESSAGES =
  /^(Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection error)/;

/** Whether an error of `pg` means that Postgres cannot answer now, rather than that the statement is wrong. */
export function isPostgresAway(error: Error): boolean {
  const state = 'code' in error ? String(error.code) : '';
  return AWAY_STATES.test(state) || AWAY_MESSAGES.test(error.message);
}
