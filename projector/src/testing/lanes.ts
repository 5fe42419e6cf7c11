import { parseSubject } from '@parley/contracts';
import type { CommitRecord, EventLog } from '@parley/runtime';
import type { Pool } from 'pg';
import { claimLanes } from '../checkpoints.ts';
import { Lane, type LaneOptions, type ReceivedCommit } from '../lane.ts';
import { freshMetrics, logger } from './database.ts';

/** The only lane of a log, at its checkpoint; `lost` collects what it tells of lost ownership. */
export async function startLane(pool: Pool, log: EventLog, options: Pick<LaneOptions, 'write'> = {}) {
  const [checkpoint] = await claimLanes(pool, log, 1);
  if (!checkpoint) throw new Error('no lane');
  const lost: Error[] = [];
  const lane = new Lane({
    ...options,
    pool,
    checkpoint,
    metrics: freshMetrics(),
    logger,
    signal: new AbortController().signal,
    onLost: (error) => lost.push(error),
  });
  return { lane, checkpoint, lost };
}

export function received(record: CommitRecord): ReceivedCommit {
  return { ...record, aggregate: parseSubject(record.subject), record };
}

/** Resolves when the records are written, or the lane has said why not. */
export async function give(lane: Lane, records: readonly CommitRecord[]): Promise<void> {
  const end = records.at(-1);
  if (!end) return;
  await lane.take(records.map(received), end);
  await lane.settled();
}

/** The records in batches of these sizes, which come again and again. */
export function* cut(records: readonly CommitRecord[], sizes: readonly number[]): Generator<CommitRecord[]> {
  for (let begin = 0, turn = 0; begin < records.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    yield records.slice(begin, begin + size);
    begin += size;
  }
}

/** As if the tables had been written further than the checkpoint says: what comes after `to` is delivered again. */
export async function rewind(pool: Pool, to: CommitRecord | undefined): Promise<void> {
  await pool.query('UPDATE read_model.checkpoints SET sequence = $1, commit_id = $2', [
    to?.sequence,
    to?.commitId,
  ]);
}
