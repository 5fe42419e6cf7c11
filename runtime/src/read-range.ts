import type { CommitRecord, EventLog } from './event-log.ts';

/** Commits with a sequence greater than `after` and up to `until`; `Infinity` goes on with what is appended. */
export interface LogRange {
  after: number;
  until: number;
}

/**
 * Every commit of a range that the log holds, once and in order, in batches. Reads ahead a bounded number of bytes.
 * Throws `ContinuityLost` when the log does not hold the range's beginning any more, and the signal's reason.
 */
export async function* readRange(
  log: Pick<EventLog, 'subscribe'>,
  { after, until }: LogRange,
  { maxBatch, signal }: { maxBatch?: number; signal?: AbortSignal } = {},
): AsyncGenerator<CommitRecord[]> {
  signal?.throwIfAborted();
  if (until <= after) return;
  const subscription = log.subscribe({ afterSequence: after, until, ...(maxBatch ? { maxBatch } : {}) });
  // The log may be away when its reader gives up: no batch would come at which that could be noticed.
  const stop = (): void => void subscription.close();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    for await (const batch of subscription) {
      signal?.throwIfAborted();
      yield batch;
    }
    signal?.throwIfAborted();
  } finally {
    signal?.removeEventListener('abort', stop);
    await subscription.close();
  }
}
