import { parseSubject } from '@parley/contracts';
import type { Pool, PoolClient } from 'pg';
import type { Checkpoint } from './checkpoints.ts';
import type { Exceptions } from './projections/exceptions.ts';

/** A row of `dead_letters` that is to be written. */
export interface DeadLetter {
  key: string;
  sequence: number;
  subject: string;
  commitId: string;
  /** Null = it only waits behind an earlier one. */
  reason: string | null;
  attempts: number;
}

const LONGEST_REASON = 1_000;

/** A row that is there stays: the commit was delivered again. */
export async function insertDeadLetters(client: PoolClient, letters: readonly DeadLetter[]): Promise<void> {
  if (letters.length === 0) return;
  await client.query(
    `INSERT INTO dead_letters (key, sequence, subject, commit_id, reason, attempts, parked_at)
     SELECT u.*, now()
       FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::int[]) AS u
     ON CONFLICT DO NOTHING`,
    [
      letters.map(({ key }) => key),
      letters.map(({ sequence }) => sequence),
      letters.map(({ subject }) => subject),
      letters.map(({ commitId }) => commitId),
      letters.map(({ reason }) => (reason === null ? null : storableReason(reason))),
      letters.map(({ attempts }) => attempts),
    ],
  );
}

/** It may quote what cannot be stored, and a whole payload. */
export function storableReason(reason: string): string {
  return reason.replaceAll('\0', '\ufffd').slice(0, LONGEST_REASON);
}

/** What is parked in this read model for a lane, of so many; and what operators decided to skip in this log. */
export async function loadExceptions(
  pool: Pool,
  { lane, epoch }: Pick<Checkpoint, 'lane' | 'epoch'>,
  lanes: number,
): Promise<{ parked: Set<string>; skipped: Exceptions['skipped'] }> {
  const parked = await pool.query<{ key: string; subject: string }>(
    'SELECT key, min(subject) AS subject FROM dead_letters GROUP BY key',
  );
  const ours = parked.rows.filter(
    ({ subject }) => (parseSubject(subject)?.partition ?? 0) % lanes === lane % lanes,
  );
  return { parked: new Set(ours.map(({ key }) => key)), skipped: await loadSkipped(pool, epoch) };
}

async function loadSkipped(pool: Pool, epoch: string): Promise<Map<string, Set<number>>> {
  const { rows } = await pool.query<{ key: string; sequence: string }>(
    'SELECT key, sequence FROM parley_operators.skipped_commits WHERE epoch = $1',
    [epoch],
  );
  const skipped = new Map<string, Set<number>>();
  for (const { key, sequence } of rows) {
    const ofKey = skipped.get(key) ?? new Set();
    skipped.set(key, ofKey.add(Number(sequence)));
  }
  return skipped;
}
