import type { Position, ResetReason } from '@parley/contracts';

/** What this process holds of the log: everything after `coveredAfter` up to `tail`. */
export interface Tail {
  epoch: string;
  coveredAfter: number;
  tail: number;
}

export type ResumePlan =
  | { kind: 'live' }
  /** Everything after `from` is in memory. */
  | { kind: 'replay'; from: number }
  /** The part up to what is in memory comes from the log. */
  | { kind: 'read-log'; from: number }
  /** The log has it, this process has not been told yet. */
  | { kind: 'wait'; until: number }
  /** Only the log's own bounds can tell. */
  | { kind: 'ask-bounds' }
  | { kind: 'reset'; reason: ResetReason };

/** How a socket that was served up to `since` goes on. `bounds` are the log's, asked only when needed. */
export function planResume(
  since: Position | null,
  { epoch, coveredAfter, tail }: Tail,
  bounds: { first: number; last: number } | null,
): ResumePlan {
  if (since === null) return { kind: 'live' };
  if (since.epoch !== epoch) return { kind: 'reset', reason: 'epoch' };
  const from = since.sequence;
  if (from >= coveredAfter && from <= tail) return { kind: 'replay', from };
  if (bounds === null) return { kind: 'ask-bounds' };
  if (from > Math.max(bounds.last, tail)) return { kind: 'reset', reason: 'unknown-position' };
  if (from > tail) return { kind: 'wait', until: from };
  if (from < bounds.first - 1) return { kind: 'reset', reason: 'retention' };
  return { kind: 'read-log', from };
}
