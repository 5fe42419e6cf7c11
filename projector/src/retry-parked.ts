import { parseSubject } from '@parley/contracts';
import type { EventLog } from '@parley/runtime';
import type { Pool, PoolClient } from 'pg';
import type { Checkpoint } from './checkpoints.ts';
import { type DeadLetter, insertDeadLetters, loadExceptions, storableReason } from './dead-letters.ts';
import { KnownVersions } from './known-versions.ts';
import type { VersionedAggregate } from './projections/continuity.ts';
import { NO_EXCEPTIONS } from './projections/exceptions.ts';
import { type FoldedBatch, foldBatch, type LaneCommit } from './projections/fold-batch.ts';
import { isRefusal, OwnershipLost, type RowWriter } from './write-batch.ts';
import { writeRows } from './write-rows.ts';

/** Bound the memory and the transaction, however much has gathered behind a commit. */
const SLICE_COMMITS = 500;
const SLICE_BYTES = 8 * 1024 * 1024;
const READ_AT_ONCE = 25;

export interface RetryParkedOptions {
  pool: Pool;
  log: EventLog;
  /** Where the lane is; nothing else of it may be being written. */
  checkpoint: Checkpoint;
  write: RowWriter | undefined;
}

interface ParkedCommit {
  sequence: number;
  subject: string;
  commitId: string;
  /** Null = the log does not hold it any more. */
  commit: LaneCommit | null;
}

/**
 * Applies what is parked under a key, in log order, in transactions that also take it off the list, up to the first
 * commit that still cannot be applied: that one stays first, with the new reason. Commits of cursors that could not be
 * read do not wait for each other. Throws OwnershipLost, and what a retry later may mend.
 */
export async function retryParked(
  key: string,
  options: RetryParkedOptions,
): Promise<{ applied: number; left: number }> {
  const independent = key.startsWith('reads.');
  let applied = 0;
  let left = 0;
  let after = 0;
  for (let most = SLICE_COMMITS; ; ) {
    const slice = await readParked(key, after, most, options);
    if (slice.length === 0) return { applied, left };
    const folded = await foldParked(key, slice, options);
    const faults = await settle(key, slice, folded, options).catch((error: unknown) => {
      if (isRefusal(error)) return error;
      throw error;
    });
    if (faults instanceof Error && slice.length > 1) {
      // The one that the tables refuse is found by taking fewer; those before it are applied.
      most = Math.ceil(slice.length / 2);
      continue;
    }
    const failed = faults instanceof Error ? await keepAll(key, slice, faults, options) : faults;
    applied += slice.length - failed;
    left += failed;
    if (failed > 0 && !independent) return { applied, left };
    after = slice.at(-1)?.sequence ?? after;
  }
}

async function readParked(
  key: string,
  after: number,
  most: number,
  { pool, log }: RetryParkedOptions,
): Promise<ParkedCommit[]> {
  const { rows } = await pool.query<{ sequence: string; subject: string; commit_id: string }>(
    `SELECT sequence, subject, commit_id FROM dead_letters WHERE key = $1 AND sequence > $2 ORDER BY sequence LIMIT $3`,
    [key, after, most],
  );
  const parked: ParkedCommit[] = [];
  let bytes = 0;
  for (let begin = 0; begin < rows.length && bytes < SLICE_BYTES; begin += READ_AT_ONCE) {
    const some = rows.slice(begin, begin + READ_AT_ONCE);
    const records = await Promise.all(some.map(({ sequence }) => log.at(Number(sequence))));
    for (const [index, row] of some.entries()) {
      const record = records[index];
      const sequence = Number(row.sequence);
      const { subject, commit_id: commitId } = row;
      const same = record?.commitId === commitId;
      const aggregate = parseSubject(subject);
      const commit = record && same ? { sequence, subject, aggregate, payload: record.payload } : null;
      bytes += record?.payload.length ?? 0;
      parked.push({ sequence, subject, commitId, commit });
    }
  }
  return parked;
}

/** With the key itself open; what concerns others that are parked stays with them. */
async function foldParked(
  key: string,
  slice: readonly ParkedCommit[],
  { pool, checkpoint }: RetryParkedOptions,
): Promise<FoldedBatch> {
  const known = new KnownVersions(pool);
  const aggregate = aggregateOf(key);
  if (aggregate) await known.lookUp([aggregate]);
  const { parked, skipped } = await loadExceptions(pool, checkpoint, 1);
  parked.delete(key);
  const gone = slice.flatMap(({ sequence, commit }) => (commit ? [] : [sequence]));
  const refused = new Map(gone.map((sequence) => [sequence, 'the log does not hold this commit any more']));
  const only = key.startsWith('conv.') ? key : NO_EXCEPTIONS.only;
  const commits = slice.map(
    ({ sequence, subject, commit }): LaneCommit =>
      commit ?? { sequence, subject, aggregate: parseSubject(subject), payload: new Uint8Array() },
  );
  return foldBatch(commits, (each) => known.of(each), { parked, skipped, refused, only });
}

/** The reverse of progressKey; null for cursors, which have no versions. */
function aggregateOf(key: string): VersionedAggregate | null {
  const [kind, id] = [key.slice(0, 5), key.slice(5)];
  if (kind === 'conv.') return { kind: 'conversation', id, partition: 0 };
  return kind === 'user.' ? { kind: 'user', token: id, partition: 0 } : null;
}

/** Writes the slice and returns how many of it stay parked. */
async function settle(
  key: string,
  slice: readonly ParkedCommit[],
  folded: FoldedBatch,
  options: RetryParkedOptions,
): Promise<number> {
  const bySequence = new Map(slice.map((each) => [each.sequence, each]));
  const kept = new Map(slice.flatMap(({ sequence }) => keptAt(folded, key, sequence)));
  const applied = slice.flatMap(({ sequence }) => (kept.has(sequence) ? [] : [sequence]));
  const others: DeadLetter[] = folded.parked
    .filter((each) => !kept.has(each.sequence))
    .map((each) => {
      const { subject = '', commitId = '' } = bySequence.get(each.sequence) ?? {};
      return { ...each, subject, commitId, attempts: 0 };
    });
  const { write = writeRows } = options;
  await transact(options, async (client) => {
    await write(client, folded.changes);
    await insertDeadLetters(client, others);
    await client.query('DELETE FROM dead_letters WHERE key = $1 AND sequence = ANY($2)', [key, applied]);
    await noteFailures(client, key, kept);
    if (kept.size === 0) await askForTheRest(client, key);
  });
  return kept.size;
}

/**
 * A commit of cursors waits for a conversation under that one's key, but what cannot be read of it is told under its own.
 */
function keptAt(folded: FoldedBatch, key: string, sequence: number): [number, string | null][] {
  const own = folded.parked.find(
    (each) => each.sequence === sequence && (each.key === key || each.reason !== null),
  );
  return own ? [[sequence, own.reason]] : [];
}

/** The tables refuse the only commit of the slice. */
async function keepAll(
  key: string,
  slice: readonly ParkedCommit[],
  refusal: Error,
  options: RetryParkedOptions,
): Promise<number> {
  const reasons = new Map(slice.map(({ sequence }) => [sequence, refusal.message]));
  await transact(options, (client) => noteFailures(client, key, reasons));
  return slice.length;
}

async function noteFailures(
  client: PoolClient,
  key: string,
  reasons: ReadonlyMap<number, string | null>,
): Promise<void> {
  for (const [sequence, reason] of reasons) {
    if (reason === null) continue;
    await client.query(
      `UPDATE dead_letters SET reason = $3, attempts = attempts + 1, retry_at = NULL WHERE key = $1 AND sequence = $2`,
      [key, sequence, storableReason(reason)],
    );
  }
}

/** The wish goes on to the first that is left, so that it outlives this process. */
async function askForTheRest(client: PoolClient, key: string): Promise<void> {
  await client.query(
    `UPDATE dead_letters SET retry_at = now()
      WHERE key = $1 AND sequence = (SELECT min(sequence) FROM dead_letters WHERE key = $1)`,
    [key],
  );
}

/** Fails when the lane is somebody else's, and holds back who wants to take it. */
async function transact(
  { pool, checkpoint }: RetryParkedOptions,
  work: (client: PoolClient) => Promise<void>,
): Promise<void> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('BEGIN; SET LOCAL plan_cache_mode = force_custom_plan');
    const { rowCount } = await client.query(
      'UPDATE checkpoints SET updated_at = now() WHERE lane = $1 AND owner_epoch = $2 AND sequence = $3',
      [checkpoint.lane, checkpoint.ownerEpoch, checkpoint.sequence],
    );
    if (rowCount !== 1)
      throw new OwnershipLost(`lane ${checkpoint.lane}: somebody else has moved its checkpoint`);
    await work(client);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch((fault: Error) => {
      broken = fault;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}
