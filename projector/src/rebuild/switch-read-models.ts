import { setTimeout as after } from 'node:timers/promises';
import type { Client } from 'pg';
import type { Checkpoint } from '../checkpoints.ts';
import { exchangeTables } from './exchange-tables.ts';
import { checkpointsOf } from './live-read-model.ts';
import { NEXT, PREVIOUS, type PreviousState, READ_MODEL } from './schema-state.ts';

/** Below deadlock_timeout: of two that wait for each other it is always the switch that gives way. */
const LOCK_TIMEOUT_MS = 200;
/** So long the live projector waits at a time; then it goes on for a while. */
const ATTEMPT_MS = 3_000;
const BETWEEN_MS = 1_000;
const LOCK_NOT_AVAILABLE = '55P03';

export interface SwitchOptions {
  client: Client;
  /** What is exchanged; `checkpoints` keeps its place. */
  tables: readonly string[];
  /** Brings the new read model to at least these checkpoints, over other connections. Nothing moves them meanwhile. */
  catchUp(live: readonly Checkpoint[]): Promise<void>;
  previous: Omit<PreviousState, 'switchedAt' | 'epoch'>;
  /** Told why it has to wait. */
  onWait(reason: string): void;
  signal?: AbortSignal | undefined;
}

export interface Switched {
  /** From the request of the exclusive locks to the commit: how long readers waited for the attempt that succeeded. */
  pauseMs: number;
  /** How often the locks were asked for; one that failed held readers up until its locks timed out. */
  attempts: number;
}

/**
 * Exchanges the tables of the live read model and the new one in one transaction. A reader is before it and sees the old
 * tables to its end, or after it and sees the new ones, with everything it has seen before. Tries until it succeeds.
 */
export async function switchReadModels(options: SwitchOptions): Promise<Switched> {
  const { client, signal, onWait } = options;
  for (let attempts = 0; ; ) {
    signal?.throwIfAborted();
    try {
      await client.query('BEGIN');
      const live = await holdProjector(client, options.tables);
      await options.catchUp(live);
      await client.query(`DROP SCHEMA IF EXISTS ${PREVIOUS} CASCADE`);
      const locked = await lockOut(options, attempts);
      attempts = locked.attempts;
      if (locked.since !== null) {
        await exchangeTables(client, { ...options, live });
        await client.query('COMMIT');
        return { pauseMs: performance.now() - locked.since, attempts };
      }
      onWait(locked.reason);
    } catch (error) {
      await client.query('ROLLBACK').catch(() => undefined);
      if (!isLockTimeout(error)) throw error;
      onWait((error as Error).message);
    }
    await client.query('ROLLBACK');
    await after(BETWEEN_MS, undefined, { ...(signal && { signal }) });
  }
}

/**
 * From here on the live checkpoints stand still, and readers notice nothing. The weaker locks send autovacuum away, which
 * a lock with a short timeout never would.
 */
async function holdProjector(client: Client, tables: readonly string[]): Promise<Checkpoint[]> {
  await client.query(`SET LOCAL lock_timeout = '10s'`);
  await client.query(`LOCK TABLE ${READ_MODEL}.checkpoints IN SHARE ROW EXCLUSIVE MODE`);
  await client.query(`LOCK TABLE ${both(tables)}, ${NEXT}.checkpoints IN SHARE UPDATE EXCLUSIVE MODE`);
  return checkpointsOf(client, READ_MODEL);
}

/** Locks readers out, `checkpoints` first: every read begins with it, so that nobody is left in the middle of one. */
async function lockOut(
  { client, tables, signal }: SwitchOptions,
  before: number,
): Promise<{ since: number | null; attempts: number; reason: string }> {
  const deadline = performance.now() + ATTEMPT_MS;
  let attempts = before;
  let reason = 'a transaction that began before the new rows were there still reads';
  const old = await openSnapshots(client);
  while (performance.now() < deadline) {
    signal?.throwIfAborted();
    if (await anyLeft(client, old)) {
      await after(10);
      continue;
    }
    attempts += 1;
    const since = performance.now();
    try {
      await client.query(`SAVEPOINT readers; SET LOCAL lock_timeout = '${LOCK_TIMEOUT_MS}ms'`);
      await client.query(`LOCK TABLE ${READ_MODEL}.checkpoints IN ACCESS EXCLUSIVE MODE`);
      await client.query(`LOCK TABLE ${both(tables)} IN ACCESS EXCLUSIVE MODE`);
      return { since, attempts, reason };
    } catch (error) {
      if (!isLockTimeout(error)) throw error;
      reason = 'a transaction reads or writes the tables that are exchanged';
      await client.query('ROLLBACK TO SAVEPOINT readers');
      await after(20 + Math.random() * 80);
    }
  }
  return { since: null, attempts, reason };
}

interface OpenSnapshot {
  pid: number;
  begun: string;
}

/**
 * Transactions that may see the tables as they were before the new rows came. One with a snapshot that holds no lock yet
 * would pass into the new tables and miss rows in them: a snapshot of REPEATABLE READ is taken before the first lock.
 * The projector is none of them: it waits for this very switch.
 */
async function openSnapshots(client: Client): Promise<OpenSnapshot[]> {
  await client.query('SELECT pg_stat_clear_snapshot()');
  const { rows } = await client.query<OpenSnapshot>(
    `SELECT pid, xact_start::text AS begun FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
        AND backend_xmin IS NOT NULL AND NOT pg_backend_pid() = ANY (pg_blocking_pids(pid))`,
  );
  return rows;
}

async function anyLeft(client: Client, snapshots: readonly OpenSnapshot[]): Promise<boolean> {
  if (snapshots.length === 0) return false;
  // Within a transaction the view stays as it was first read.
  await client.query('SELECT pg_stat_clear_snapshot()');
  const { rowCount } = await client.query(
    `SELECT FROM pg_stat_activity a JOIN unnest($1::int[], $2::text[]) AS o (pid, begun)
         ON a.pid = o.pid AND a.xact_start::text = o.begun
      WHERE a.backend_xmin IS NOT NULL LIMIT 1`,
    [snapshots.map(({ pid }) => pid), snapshots.map(({ begun }) => begun)],
  );
  return (rowCount ?? 0) > 0;
}

function both(tables: readonly string[]): string {
  return tables.map((table) => `${READ_MODEL}.${table}, ${NEXT}.${table}`).join(', ');
}

function isLockTimeout(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === LOCK_NOT_AVAILABLE;
}
