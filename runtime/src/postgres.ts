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
    Client: ClosingClient,
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

/** `pg` leaves a connection open that the server did not let in, which keeps a process alive until the server ends it. */
class ClosingClient extends pg.Client {
  override connect(): Promise<pg.Client>;
  override connect(callback: (error?: Error) => void): void;
  override connect(callback?: (error?: Error) => void): Promise<pg.Client> | undefined {
    const connecting = super.connect().catch((error: unknown) => {
      this.end().catch(() => undefined);
      throw error;
    });
    if (!callback) return connecting;
    connecting.then(() => callback(), callback);
    return undefined;
  }
}

/** Connection exceptions, shutdowns, too many connections, and a statement that ran out of time. */
const AWAY_STATES = /^(08...|57P0[123]|57014|53300)$/;
/** Errors of the client itself carry no code. */
const AWAY_MESSAGES =
  /^(Connection terminated|timeout exceeded when trying to connect|timeout expired|Query read timeout|Client has encountered a connection error)/;

/** Whether an error of `pg` means that Postgres cannot answer now, rather than that the statement is wrong. */
export function isPostgresAway(error: Error): boolean {
  const state = 'code' in error ? String(error.code) : '';
  return AWAY_STATES.test(state) || AWAY_MESSAGES.test(error.message);
}

/** Wrong or missing password, a role that may not come in, a database that is not there. */
const REFUSING_STATES = /^(28...|3D000)$/;
const REFUSING_MESSAGES = /^(SASL: |Password must be a string)/;

/** Whether an error of `pg` means that Postgres lets nobody in with this address, however often it is tried. */
export function isPostgresRefusing(error: Error): boolean {
  const state = 'code' in error ? String(error.code) : '';
  return REFUSING_STATES.test(state) || REFUSING_MESSAGES.test(error.message);
}
