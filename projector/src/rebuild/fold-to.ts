import { type Aggregate, parseSubject } from '@parley/contracts';
import type { CommitRecord } from '@parley/runtime';
import type { Lane, ReceivedCommit } from '../lane.ts';
import type { CommitSource } from './commit-source.ts';

/** Where a lane stops, exactly. */
export interface LaneTarget {
  lane: number;
  sequence: number;
  /** Of the commit at `sequence`, whichever lane's it is. */
  commitId: string;
}

export interface FoldOptions {
  /** Told the lowest sequence that all lanes have written. */
  onProgress?(sequence: number): void;
  /** Only commits of these conversations and users are folded, and all cursors. */
  includes?(aggregate: Aggregate): boolean;
  /** A slice is written when it has so many commits, or when it is large. */
  sliceCommits?: number;
  /** Ends the fold between two slices; what is written stays. */
  signal?: AbortSignal;
}

/**
 * Some hundred kilobytes for each table: Postgres has them all in its socket's buffer while the next slice is folded. With
 * 20,000 commits a slice a rebuild took no less time and 240 MB more. Two slices of a lane must fit its known versions.
 */
const SLICE_COMMITS = 5_000;
const SLICE_BYTES = 32 * 1024 * 1024;

/**
 * Folds the source into the lanes until each is at its target, none beyond. Memory is bounded by two slices, however long
 * the log is. Throws when a lane halts, or when the source ends before a target.
 */
export async function foldLanes(
  lanes: readonly Lane[],
  targets: readonly LaneTarget[],
  source: CommitSource,
  options: FoldOptions,
): Promise<void> {
  const ordered = lanes.map((_, lane) => targetOf(targets, lane));
  const until = Math.max(...ordered.map(({ sequence }) => sequence));
  const after = Math.min(...lanes.map((lane) => lane.position));
  if (lanes.every((lane, index) => lane.position >= (ordered[index]?.sequence ?? 0))) return;
  let seen = after;
  const most = Math.min(options.sliceCommits ?? SLICE_COMMITS, SLICE_COMMITS);
  for await (const slice of slicesOf(source.read({ after, until }), most)) {
    options.signal?.throwIfAborted();
    seen = slice.at(-1)?.sequence ?? seen;
    await deal(slice, lanes, ordered, options.includes);
    throwFaults(lanes);
    options.onProgress?.(Math.min(...lanes.map((lane) => lane.position)));
  }
  await Promise.all(lanes.map((lane) => lane.settled()));
  options.signal?.throwIfAborted();
  throwFaults(lanes);
  if (seen < until) throw new Error(`The commits end at ${seen}, ${until} should be there.`);
  options.onProgress?.(until);
}

function targetOf(targets: readonly LaneTarget[], lane: number): LaneTarget {
  const target = targets.find((each) => each.lane === lane);
  if (!target) throw new Error(`The read models have different lanes: there is no target for lane ${lane}.`);
  return target;
}

async function deal(
  slice: readonly CommitRecord[],
  lanes: readonly Lane[],
  targets: readonly LaneTarget[],
  includes: FoldOptions['includes'],
): Promise<void> {
  const end = slice.at(-1);
  if (!end) return;
  const shares: ReceivedCommit[][] = lanes.map(() => []);
  for (const record of slice) {
    const { sequence, subject, payload } = record;
    const aggregate = parseSubject(subject);
    const lane = (aggregate?.partition ?? 0) % lanes.length;
    if (sequence > (targets[lane]?.sequence ?? 0)) continue;
    if (includes && aggregate !== null && aggregate.kind !== 'reads' && !includes(aggregate)) continue;
    shares[lane]?.push({ sequence, subject, payload, aggregate, record });
  }
  await Promise.all(
    lanes.map((lane, index) => {
      const target = targets[index];
      return lane.take(shares[index] ?? [], target && target.sequence < end.sequence ? target : end);
    }),
  );
}

/** Joins what a source hands over, and cuts it where a slice is full. */
async function* slicesOf(
  batches: AsyncIterable<readonly CommitRecord[]>,
  most: number,
): AsyncGenerator<readonly CommitRecord[]> {
  let slice: CommitRecord[] = [];
  let bytes = 0;
  for await (const batch of batches) {
    for (const record of batch) {
      slice.push(record);
      bytes += record.payload.length;
      if (slice.length < most && bytes < SLICE_BYTES) continue;
      yield slice;
      slice = [];
      bytes = 0;
    }
  }
  if (slice.length > 0) yield slice;
}

function throwFaults(lanes: readonly Lane[]): void {
  const faults = lanes.flatMap((lane) => lane.fault ?? []);
  if (faults.length > 0) throw new Error(`The new read model cannot be built: ${faults.join('; ')}`);
}
