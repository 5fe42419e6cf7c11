import { LOCK_SPACE } from '../ownership.ts';
import { REBUILD_LOCK, withRebuildClient } from './rebuild-lock.ts';
import { PREVIOUS, type PreviousState, readState } from './schema-state.ts';

/** Drops the read model that a rebuild replaced once it need not be kept any longer; true when it did. */
export function dropExpiredPrevious(databaseUrl: string, now = Date.now()): Promise<boolean> {
  return withRebuildClient(databaseUrl, async (client) => {
    await client.query('BEGIN');
    // An exchange that commits now would put what it has just replaced under the name of what has expired.
    const { rows } = await client.query('SELECT pg_try_advisory_xact_lock($1, $2) AS held', [
      LOCK_SPACE,
      REBUILD_LOCK,
    ]);
    if (rows[0]?.held !== true) return false;
    const state = await readState<PreviousState>(client, PREVIOUS);
    const expired = state?.keepUntil !== undefined && Date.parse(state.keepUntil) <= now;
    // Whoever reads or renames it now is let finish: the next hour will do.
    if (expired) await client.query(`SET LOCAL lock_timeout = '5s'; DROP SCHEMA ${PREVIOUS} CASCADE`);
    await client.query('COMMIT');
    return expired;
  });
}
