import { setTimeout as after } from 'node:timers/promises';
import type { EventLog, Logger } from '@parley/runtime';
import type { Pool } from 'pg';
import type { Lane } from './lane.ts';

const LOOK_EVERY_MS = 500;

export interface RetryOnRequestOptions {
  pool: Pool;
  log: EventLog;
  lanes: readonly Lane[];
  logger: Logger;
  signal: AbortSignal;
}

/**
 * Looks now and then whether an operator wants parked commits tried again, and tells the lanes. Looking needs no
 * connection of its own, finds wishes from while no projector ran, and costs nothing while nothing is parked.
 */
export async function retryOnRequest({
  pool,
  log,
  lanes,
  logger,
  signal,
}: RetryOnRequestOptions): Promise<void> {
  while (!signal.aborted) {
    try {
      await Promise.all(lanes.map((lane) => lane.load()));
      for (const lane of lanes) {
        for (const key of await wanted(pool, lane.parked)) await lane.retry(key, log);
      }
    } catch (error) {
      if (!signal.aborted) logger.warn({ error }, 'cannot see whether dead letters should be tried again');
    }
    await after(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** The wish is at a key's first commit, which the primary key finds whatever waits behind it. */
async function wanted(pool: Pool, parked: ReadonlySet<string>): Promise<string[]> {
  if (parked.size === 0) return [];
  const { rows } = await pool.query<{ key: string }>(
    `SELECT u.key
       FROM unnest($1::text[]) AS u (key)
      CROSS JOIN LATERAL (SELECT d.retry_at FROM dead_letters d WHERE d.key = u.key ORDER BY d.sequence LIMIT 1) first
      WHERE first.retry_at IS NOT NULL`,
    [[...parked]],
  );
  return rows.map(({ key }) => key);
}
