import type { Pool } from 'pg';
import { LOCK_SPACE, PROJECTOR_LOCK } from './ownership.ts';

/** A conversation or user with parked commits, as its first one says. */
export interface ParkedKey {
  key: string;
  /** Of the first, which the others wait for. */
  sequence: number;
  reason: string | null;
  attempts: number;
  parkedAt: Date;
  /** Commits that are parked, the first included. */
  commits: number;
  /** It is wanted again and was not yet tried. */
  retryWanted: boolean;
}

interface ParkedKeyRow {
  key: string;
  sequence: string;
  reason: string | null;
  attempts: number;
  parked_at: Date;
  commits: string;
  retry_wanted: boolean;
}

/** In the order in which they were parked. The pool's search_path says of which read model. */
export async function listDeadLetters(pool: Pool, key?: string): Promise<ParkedKey[]> {
  const { rows } = await pool.query<ParkedKeyRow>(
    `SELECT DISTINCT ON (key) key, sequence, reason, attempts, parked_at, retry_at IS NOT NULL AS retry_wanted,
            count(*) OVER (PARTITION BY key) AS commits
       FROM dead_letters WHERE $1::text IS NULL OR key = $1
      ORDER BY key, sequence`,
    [key ?? null],
  );
  const parked = rows.map((row) => ({
    key: row.key,
    sequence: Number(row.sequence),
    reason: row.reason,
    attempts: row.attempts,
    parkedAt: row.parked_at,
    commits: Number(row.commits),
    retryWanted: row.retry_wanted,
  }));
  return parked.sort((a, b) => a.sequence - b.sequence);
}

export interface ParkedCommitRow {
  sequence: number;
  subject: string;
  commitId: string;
  reason: string | null;
  attempts: number;
}

/** The first commits that are parked under a key, in log order. */
export async function parkedCommits(pool: Pool, key: string, most: number): Promise<ParkedCommitRow[]> {
  const { rows } = await pool.query<Omit<ParkedCommitRow, 'sequence'> & { sequence: string }>(
    `SELECT sequence, subject, commit_id AS "commitId", reason, attempts
       FROM dead_letters WHERE key = $1 ORDER BY sequence LIMIT $2`,
    [key, most],
  );
  return rows.map((row) => ({ ...row, sequence: Number(row.sequence) }));
}

/** The projector that owns the key's lane finds the wish within a second, or when it runs again. */
export async function askForRetry(pool: Pool, keys: readonly string[]): Promise<void> {
  await pool.query(
    `UPDATE dead_letters d SET retry_at = now()
       FROM (SELECT key, min(sequence) AS sequence FROM dead_letters WHERE key = ANY($1) GROUP BY key) first
      WHERE d.key = first.key AND d.sequence = first.sequence`,
    [keys],
  );
}

/**
 * Decides, for every read model that is ever made of this log, that a parked commit is never applied; false when it is not
 * parked. It goes with the next retry.
 */
export async function skipCommit(
  pool: Pool,
  { key, sequence, by }: { key: string; sequence: number; by: string },
): Promise<boolean> {
  const { rowCount } = await pool.query(
    `INSERT INTO parley_operators.skipped_commits
       (epoch, key, sequence, subject, commit_id, reason, skipped_by, skipped_at)
     SELECT c.epoch, d.key, d.sequence, d.subject, d.commit_id,
            coalesce(d.reason, 'it waited behind one that could not be applied'), $3, now()
       FROM dead_letters d, (SELECT epoch FROM checkpoints LIMIT 1) c
      WHERE d.key = $1 AND d.sequence = $2
     ON CONFLICT (epoch, key, sequence) DO UPDATE SET skipped_by = excluded.skipped_by`,
    [key, sequence, by],
  );
  return rowCount === 1;
}

/** Whether a projector owns the lanes of this database. */
export async function isProjected(pool: Pool): Promise<boolean> {
  const { rowCount } = await pool.query(
    `SELECT 1 FROM pg_locks
      WHERE locktype = 'advisory' AND granted AND classid = $1 AND objid = $2
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    [LOCK_SPACE, PROJECTOR_LOCK],
  );
  return (rowCount ?? 0) > 0;
}
