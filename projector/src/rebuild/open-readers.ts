import { setTimeout as after } from 'node:timers/promises';
import type { Client } from 'pg';
import { NEXT, PREVIOUS, READ_MODEL } from './schema-state.ts';

/** A transaction that has lasted so long is not expected to end within one attempt to exchange the tables. */
const LONG_MS = 3_000;
const LOOK_MS = 250;

interface Reader {
  pid: number;
  /** When its transaction began, as Postgres prints it, or of which age its snapshot is: the same for no later one. */
  begun: string;
  name: string;
}

const WHO = `pid, coalesce(xact_start::text, backend_xmin::text) AS begun,
  format('%s (pid %s, user %s, in a transaction since %s, %s)', coalesce(nullif(application_name, ''), 'a session'), pid,
         usename, to_char(xact_start AT TIME ZONE 'UTC', 'HH24:MI:SS "UTC"'), state) AS name`;
/** Of other roles' sessions a role without pg_read_all_stats sees the snapshot, but neither the type nor the times. */
const OTHERS = `datname = current_database() AND pid <> pg_backend_pid() AND usesysid IS NOT NULL
  AND coalesce(backend_type, 'client backend') = 'client backend'`;
/** Not who waits, for this very switch perhaps: who has. */
const HOLDERS = `SELECT l.pid FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
   WHERE l.granted AND l.locktype = 'relation' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
     AND c.relnamespace::regnamespace::text IN ('${READ_MODEL}', '${NEXT}', '${PREVIOUS}')`;
/** Its batches end by themselves, and the lock on the checkpoints comes between two of them. */
const PROJECTOR = `SELECT l.pid FROM pg_locks l
   WHERE l.granted AND l.pid IS NOT NULL AND l.relation = to_regclass('${READ_MODEL}.checkpoints') AND l.mode = 'RowExclusiveLock'`;

/**
 * Waits, with no lock, until no transaction is open any more that would hold an exchange up for long; tells who they are
 * whenever that changes. Short transactions are not waited for. Ends early, with its reason, when the signal aborts.
 */
export async function letLongReadersEnd(
  client: Client,
  options: { onWait(reason: string): void; signal?: AbortSignal | undefined },
): Promise<void> {
  for (let told = ''; ; ) {
    options.signal?.throwIfAborted();
    const { rows } = await client.query<Reader>(
      `SELECT ${WHO} FROM pg_stat_activity
        WHERE ${OTHERS} AND xact_start < now() - interval '${LONG_MS} ms'
          AND (backend_xmin IS NOT NULL OR pid IN (${HOLDERS})) AND pid NOT IN (${PROJECTOR})`,
    );
    if (rows.length === 0) return;
    const reason = `${namesOf(rows)} ${rows.length === 1 ? 'reads' : 'read'} the old tables. ${whatToDo(rows)}`;
    if (reason !== told) options.onWait(reason);
    told = reason;
    await after(LOOK_MS, undefined, { ...(options.signal && { signal: options.signal }) });
  }
}

/**
 * Transactions that may see the tables as they were before the new rows came. One with a snapshot that holds no lock yet
 * would pass into the new tables and miss rows in them: a snapshot of REPEATABLE READ is taken before the first lock.
 * The projector is none of them: it waits for this very switch.
 */
export async function openSnapshots(client: Client): Promise<Reader[]> {
  // Within a transaction the view stays as it was first read.
  await client.query('SELECT pg_stat_clear_snapshot()');
  const { rows } = await client.query<Reader>(
    `SELECT ${WHO} FROM pg_stat_activity
      WHERE ${OTHERS} AND backend_xmin IS NOT NULL AND NOT pg_backend_pid() = ANY (pg_blocking_pids(pid))`,
  );
  return rows;
}

/** Those of the snapshots that are still open. */
export async function stillOpen(client: Client, snapshots: readonly Reader[]): Promise<Reader[]> {
  if (snapshots.length === 0) return [];
  await client.query('SELECT pg_stat_clear_snapshot()');
  const { rows } = await client.query<Reader>(
    `SELECT ${WHO} FROM pg_stat_activity WHERE ${OTHERS} AND backend_xmin IS NOT NULL AND pid = ANY ($1)`,
    [snapshots.map(({ pid }) => pid)],
  );
  return rows.filter(({ pid, begun }) => snapshots.some((old) => old.pid === pid && old.begun === begun));
}

/** Who has a lock on one of the tables at this moment and does not wait for the client, to tell an operator. */
export async function readersNow(client: Client): Promise<string> {
  await client.query('SELECT pg_stat_clear_snapshot()');
  const { rows } = await client.query<Reader>(
    `SELECT ${WHO} FROM pg_stat_activity
      WHERE ${OTHERS} AND pid IN (${HOLDERS}) AND NOT pg_backend_pid() = ANY (pg_blocking_pids(pid))`,
  );
  return rows.length === 0 ? 'transactions that have ended meanwhile' : namesOf(rows);
}

export function namesOf(readers: readonly Reader[]): string {
  const [first, ...others] = readers.map(({ name }) => name);
  return others.length === 0 ? `${first}` : `${first} and ${others.length} more`;
}

function whatToDo(readers: readonly Reader[]): string {
  return `Let it end, or end it: SELECT pg_terminate_backend(${readers[0]?.pid})`;
}
