import type { CommitRecord, EventLog } from '@parley/runtime';
import type { LogRange } from './log-range.ts';

const BATCH = 500;

/**
 * Every commit of a range, in order, in batches; `until: Infinity` goes on with what is appended. The subscription reads
 * ahead a bounded number of bytes. Throws when the signal aborts.
 */
export async function* readRange(
  log: EventLog,
  { after, until }: LogRange,
  signal: AbortSignal,
): AsyncGenerator<CommitRecord[]> {
  signal.throwIfAborted();
  if (until <= after) return;
  const subscription = log.subscribe({ afterSequence: after, maxBatch: BATCH });
  const stop = (): void => void subscription.close();
  signal.addEventListener('abort', stop, { once: true });
  try {
    for await (const batch of subscription) {
      signal.throwIfAborted();
      yield batch.filter((record) => record.sequence <= until);
      if ((batch.at(-1)?.sequence ?? 0) >= until) return;
    }
    signal.throwIfAborted();
  } finally {
    signal.removeEventListener('abort', stop);
    await subscription.close();
  }
}
