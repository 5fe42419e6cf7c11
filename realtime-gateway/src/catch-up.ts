import type { EventLog } from '@parley/runtime';
import type { Hub } from './hub.ts';
import { readAll, readSubject } from './read-log.ts';
import { type Commit, readCommitOrHide } from './session/commit.ts';

/** How far another process, or the read model, may be ahead of this one. */
const CATCH_UP_MS = 10_000;

/** What a snapshot of the read model reflects. */
export interface Reflected {
  /** Everything up to here is in it… */
  asOf: number;
  /** …and nothing after here is. Lanes of the projector move apart by the difference. */
  newest: number;
  /** Of the log that it was folded from; null while nothing was. */
  epoch: string | null;
}

interface Ends {
  hub: Hub;
  log: EventLog;
}

/** Resolves once this process has seen all that a snapshot may reflect. */
export async function reachSnapshot({ hub, log }: Ends, { newest, epoch }: Reflected): Promise<void> {
  if (epoch !== null && epoch !== log.epoch) throw new Error('the read model is of another log');
  await reach(hub, newest);
}

export async function reach(hub: Hub, sequence: number): Promise<void> {
  if (!(await hub.reached(sequence, CATCH_UP_MS))) {
    throw new Error(`sequence ${sequence} was not seen within ${CATCH_UP_MS} ms`);
  }
}

/**
 * For a read model that is further behind than the ring reaches back: folds what lies between, and resolves to where the
 * ring went on. It may have moved again since. With a subject, nothing else is decoded.
 */
export async function foldFromLog(
  { hub, log }: Ends,
  fold: { apply(commit: Commit): void },
  after: number,
  subject: string | null = null,
): Promise<number> {
  const range = { after, until: hub.ring.coveredAfter };
  for await (const records of subject ? readSubject(log, range, subject) : readAll(log, range)) {
    for (const record of records) {
      if (subject === null || record.subject === subject) fold.apply(readCommitOrHide(record));
    }
  }
  return range.until;
}
