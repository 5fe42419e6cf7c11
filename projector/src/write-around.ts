import { setTimeout as after } from 'node:timers/promises';
import type { CommitRecord } from '@parley/runtime';
import type { Checkpoint } from './checkpoints.ts';
import type { LaneFold } from './lane-fold.ts';
import type { FoldedBatch, LaneCommit } from './projections/fold-batch.ts';
import { isRefusal } from './write-batch.ts';

/** A commit of this lane, and its record for what only the checkpoint and the metrics need. */
export interface ReceivedCommit extends LaneCommit {
  record: CommitRecord;
}

/** A lane's commits between two checkpoints. */
export interface Slice {
  commits: readonly ReceivedCommit[];
  from: Checkpoint;
  to: { sequence: number; commitId: string };
}

export interface WriteAroundOptions {
  fold: LaneFold;
  /** Writes the slice's changes, what is parked of it after so many attempts, and its checkpoint in one transaction. */
  send(slice: Slice, folded: FoldedBatch, attempts: number): Promise<void>;
  signal: AbortSignal;
}

const ATTEMPTS = 3;
const PAUSE_MS = 50;

/**
 * Writes a slice. When the tables refuse it, it is halved until the commits that they refuse stand alone: these are
 * parked, all others written. Throws what is not a refusal.
 */
export async function writeAround(
  slice: Slice,
  folded: FoldedBatch,
  options: WriteAroundOptions,
): Promise<void> {
  const { fold, send } = options;
  fold.accept(folded);
  const refusal = await refusalOf(() => send(slice, folded, 1));
  if (refusal === null) return;
  if (slice.commits.length === 0) throw refusal;
  // The memory is that of the whole slice, of which nothing was written.
  await fold.reload();
  if (slice.commits.length === 1) return await tryAgainOrPark(slice, refusal, options);
  for (const half of halvesOf(slice)) await writeAround(half, await fold.fold(half.commits), options);
}

async function tryAgainOrPark(
  slice: Slice,
  first: Error,
  { fold, send, signal }: WriteAroundOptions,
): Promise<void> {
  let refusal = first;
  for (let attempt = 2; attempt <= ATTEMPTS; attempt++) {
    await after(PAUSE_MS * attempt, undefined, { signal });
    const folded = await fold.fold(slice.commits);
    fold.accept(folded);
    const again = await refusalOf(() => send(slice, folded, attempt));
    if (again === null) return;
    refusal = again;
    await fold.reload();
  }
  const refused = new Map(slice.commits.map(({ sequence }) => [sequence, refusal.message]));
  const folded = await fold.fold(slice.commits, refused);
  fold.accept(folded);
  await send(slice, folded, ATTEMPTS);
}

async function refusalOf(write: () => Promise<void>): Promise<Error | null> {
  try {
    await write();
    return null;
  } catch (error) {
    if (isRefusal(error)) return error;
    throw error;
  }
}

function halvesOf({ commits, from, to }: Slice): [Slice, Slice] {
  const half = commits.length >> 1;
  const middle = commits[half - 1]?.record ?? to;
  const { sequence, commitId } = middle;
  return [
    { commits: commits.slice(0, half), from, to: { sequence, commitId } },
    { commits: commits.slice(half), from: { ...from, sequence, commitId }, to },
  ];
}
