import { setTimeout as after } from 'node:timers/promises';
import type { Client } from 'pg';
import type { Checkpoint } from '../checkpoints.ts';
import { exchangeTables } from './exchange-tables.ts';
import { checkpointsOf } from './live-read-model.ts';
import { letLongReadersEnd, namesOf, openSnapshots, readersNow, stillOpen } from './open-readers.ts';
import { NEXT, PREVIOUS, type PreviousState, READ_MODEL } from './schema-state.ts';

/** Below deadlock_timeout: of two that wait for each other it is always the switch that gives way. */
const LOCK_TIMEOUT_MS = 200;
/** So long the live projector waits at a time; then it goes on for a while. */
const ATTEMPT_MS = 3_000;
const BETWEEN_MS = 1_000;
const LOCK_NOT_AVAILABLE = '55P03';
/** A lock timeout counts for each lock anew: it is this that ends the wait for all of them. */
const QUERY_CANCELED = '57014';

export interface SwitchOptions {
  client: Client;
  /** What is exchanged; `checkpoints` keeps its place. */
  tables: readonly string[];
  /** Brings the new read model to at least these checkpoints, over other connections. Nothing moves them meanwhile. */
  catchUp(live: readonly Checkpoint[]): Promise<void>;
  previous: Omit<PreviousState, 'switchedAt' | 'epoch'>;
  /** Told for whom it has to wait, and what can be done. */
  onWait(reason: string): void;
  signal?: AbortSignal | undefined;
}

/** What others could notice, in milliseconds. */
export interface Switched {
  /** From the request of the exclusive locks to the commit: how long readers waited for the attempt that succeeded. */
  pauseMs: number;
  /** How often the locks were asked for; one that failed held readers up until it gave way. */
  attempts: number;
  /** The longest that readers waited for one attempt, whether it failed or succeeded. */
  longestPauseMs: number;
  /** Of all attempts together; readers went on between them. */
  totalPauseMs: number;
  /** The longest that the live projector wrote nothing; between two such times it went on. */
  projectorPauseMs: number;
}

/** What the attempts cost so far. */
interface Cost {
  pauses: number[];
  projectorPauses: number[];
}

/**
 * Exchanges the tables of the live read model and the new one in one transaction. A reader is before it and sees the old
 * tables to its end, or after it and sees the new ones, with everything it has seen before. Tries until it succeeds.
 */
export async function switchReadModels(options: SwitchOptions): Promise<Switched> {
  const { client, signal, onWait } = options;
  const cost: Cost = { pauses: [], projectorPauses: [] };
  for (;;) {
    signal?.throwIfAborted();
    await letLongReadersEnd(client, options);
    const began = performance.now();
    const reason = await tryOnce(options, cost).catch(async (error: unknown) => {
      await client.query('ROLLBACK').catch(() => undefined);
      if (codeOf(error) !== LOCK_NOT_AVAILABLE) throw error;
      return `the tables are in use by ${await readersNow(client)}`;
    });
    cost.projectorPauses.push(performance.now() - began);
    if (reason === null) return switchedAt(cost);
    onWait(reason);
    await after(BETWEEN_MS, undefined, { ...(signal && { signal }) });
  }
}

/** Null = it is done; else why not, and everything is as before. */
async function tryOnce(options: SwitchOptions, cost: Cost): Promise<string | null> {
  const { client, tables } = options;
  await client.query('BEGIN');
  const live = await holdProjector(client, tables);
  await options.catchUp(live);
  await client.query(`DROP SCHEMA IF EXISTS ${PREVIOUS} CASCADE`);
  const locked = await lockOut(options, cost);
  if (locked.since === null) {
    await client.query('ROLLBACK');
    return locked.reason;
  }
  await exchangeTables(client, { ...options, live });
  await client.query('COMMIT');
  cost.pauses.push(performance.now() - locked.since);
  return null;
}

function switchedAt({ pauses, projectorPauses }: Cost): Switched {
  return {
    pauseMs: pauses.at(-1) ?? 0,
    attempts: pauses.length,
    longestPauseMs: Math.max(...pauses),
    totalPauseMs: pauses.reduce((sum, pause) => sum + pause, 0),
    projectorPauseMs: Math.max(...projectorPauses),
  };
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
  cost: Cost,
): Promise<{ since: number } | { since: null; reason: string }> {
  const deadline = performance.now() + ATTEMPT_MS;
  const old = await openSnapshots(client);
  let reason = '';
  while (performance.now() < deadline) {
    signal?.throwIfAborted();
    const left = await stillOpen(client, old);
    if (left.length > 0) {
      reason = `a transaction that began before the new rows were there still reads: ${namesOf(left)}`;
      await after(10);
      continue;
    }
    const since = performance.now();
    await client.query('SAVEPOINT readers');
    try {
      await client.query(`SET LOCAL statement_timeout = '${LOCK_TIMEOUT_MS}ms'`);
      await client.query(`LOCK TABLE ${READ_MODEL}.checkpoints IN ACCESS EXCLUSIVE MODE`);
      await client.query(`LOCK TABLE ${both(tables)} IN ACCESS EXCLUSIVE MODE`);
      await client.query('SET LOCAL statement_timeout = 0');
      return { since };
    } catch (error) {
      if (![LOCK_NOT_AVAILABLE, QUERY_CANCELED].includes(codeOf(error))) throw error;
      await client.query('ROLLBACK TO SAVEPOINT readers');
      cost.pauses.push(performance.now() - since);
      reason = `the tables are in use by ${await readersNow(client)}`;
      await after(20 + Math.random() * 80);
    }
  }
  return { since: null, reason };
}

function both(tables: readonly string[]): string {
  return tables.map((table) => `${READ_MODEL}.${table}, ${NEXT}.${table}`).join(', ');
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
