import { parsePosition } from '@parley/contracts';

/** A point of the past: what happened at or before both bounds. One of the two is open. */
export interface Moment {
  sequence: number;
  /** ISO 8601, or what Postgres takes for the end of time. */
  at: string;
}

/** The present as a moment: nothing is after it. */
export const NOW: Moment = { sequence: Number.MAX_SAFE_INTEGER, at: 'infinity' };

/** Before everything. */
export const BEGINNING: Moment = { sequence: 0, at: '-infinity' };

/** The moment that an `asOf` names, which the contract has checked to be a position or a time. */
export function momentOf(asOf: string): Moment {
  const position = parsePosition(asOf);
  if (position) return { ...NOW, sequence: position.sequence };
  // Postgres counts no year 0.
  return { ...NOW, at: asOf < '0001' ? BEGINNING.at : asOf };
}
