import { Client } from 'pg';
import { LOCK_SPACE } from '../ownership.ts';

/** Of whoever builds, exchanges or drops the read models beside the one in use. */
export const REBUILD_LOCK = 3;

/** A rebuild or a rollback can't be done now, or not with what is there; the message says what to do. Nothing was changed. */
export class RebuildRefused extends Error {
  override name = 'RebuildRefused';
}

/** An index takes as long as it takes, and the rows in use are held still for as long as the new ones are folded. */
const NO_LIMITS =
  'SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0';

/** Does the work with a connection of its own, on which nothing ends by a limit that the installation has set. */
export async function withRebuildClient<T>(
  databaseUrl: string,
  work: (client: Client) => Promise<T>,
  name = 'parley-rebuild',
): Promise<T> {
  const client = new Client({
    connectionString: databaseUrl,
    application_name: `${name}-${process.pid}`,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
  });
  // What lost it fails at the next statement; without a listener the process would end.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query(NO_LIMITS);
    return await work(client);
  } finally {
    await client.end();
  }
}

/**
 * Does the work while no other rebuild or rollback runs on this database; its signal aborts with `stop`, or when the lock
 * is lost: another run may work on the same tables from then on. Throws RebuildRefused with who runs.
 */
export function withRebuildLock<T>(
  databaseUrl: string,
  stop: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return withRebuildClient(databaseUrl, async (client) => {
    const lost = new AbortController();
    client.once('end', () => lost.abort(new RebuildRefused(LOST)));
    const { rows } = await client.query('SELECT pg_try_advisory_lock($1, $2) AS held', [
      LOCK_SPACE,
      REBUILD_LOCK,
    ]);
    if (rows[0]?.held !== true) throw new RebuildRefused(await whoRuns(client));
    return work(stop ? AbortSignal.any([stop, lost.signal]) : lost.signal).catch((error: unknown) => {
      throw lost.signal.aborted ? lost.signal.reason : error;
    });
  });
}

const LOST =
  'The connection to Postgres that keeps other rebuilds away has ended, so that this one stops. What it has built is left: run it again.';

async function whoRuns(client: Client): Promise<string> {
  const holder = await holderOf(client, REBUILD_LOCK);
  if (holder === null) return 'Another rebuild or rollback ran at this moment: try again.';
  return `Another rebuild or rollback runs: ${holder}.`;
}

/** The session with one of the operators' locks and what can be done about it; null when nobody has it any more. */
export async function holderOf(client: Client, lock: number): Promise<string | null> {
  const { rows } = await client.query(
    `SELECT a.pid, a.application_name, a.client_addr, a.backend_start
       FROM pg_locks l JOIN pg_stat_activity a USING (pid)
      WHERE l.locktype = 'advisory' AND l.granted AND l.classid::bigint = $1 AND l.objid = $2
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    [LOCK_SPACE, lock],
  );
  const [holder] = rows;
  if (!holder) return null;
  return (
    `${holder.application_name} from ${holder.client_addr ?? 'this machine'}, since ` +
    `${holder.backend_start.toISOString()}. Wait for it, or end it: SELECT pg_terminate_backend(${holder.pid})`
  );
}
