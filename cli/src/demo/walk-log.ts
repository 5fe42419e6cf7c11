import { decodeCommit, type RecordedEvent } from '@parley/contracts';
import { type EventLog, type LogRange, readRange } from '@parley/runtime';

const BATCH = 2_000;

/** Hands over every commit of a range, its end included, in order. */
export async function walkLog(
  log: EventLog,
  range: LogRange,
  take: (sequence: number, events: RecordedEvent[]) => void,
  signal?: AbortSignal,
): Promise<void> {
  for await (const records of readRange(log, range, { maxBatch: BATCH, ...(signal ? { signal } : {}) })) {
    for (const { sequence, payload } of records) take(sequence, decodeCommit(payload));
  }
}
