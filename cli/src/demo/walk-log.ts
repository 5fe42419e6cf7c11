import { decodeCommit, type RecordedEvent } from '@parley/contracts';
import type { EventLog } from '@parley/runtime';

const BATCH = 2_000;

/** Hands over every commit of a range, its end included, in order. */
export async function walkLog(
  log: EventLog,
  { after, until }: { after: number; until: number },
  take: (sequence: number, events: RecordedEvent[]) => void,
  signal?: AbortSignal,
): Promise<void> {
  if (until <= after) return;
  const subscription = log.subscribe({ afterSequence: after, maxBatch: BATCH });
  try {
    for await (const records of subscription) {
      signal?.throwIfAborted();
      for (const record of records) {
        if (record.sequence <= until) take(record.sequence, decodeCommit(record.payload));
      }
      if ((records.at(-1)?.sequence ?? 0) >= until) return;
    }
  } finally {
    await subscription.close();
  }
}
