import { type CommitRecord, ContinuityLost, type EventLog, type LogRange, readRange } from '@parley/runtime';
import { ArchiveFault } from './archive-fault.ts';

/** The newest commit that the log holds in a range, its end included; null when all of the range was deleted. */
export async function newestStored(
  log: Pick<EventLog, 'at'>,
  { first, last }: { first: number; last: number },
): Promise<CommitRecord | null> {
  for (let sequence = last; sequence >= first; sequence--) {
    const record = await log.at(sequence);
    if (record) return record;
  }
  return null;
}

/** As `readRange`; a log that no longer holds the range is a fault of the archive's, which has fallen behind. */
export async function* readLog(
  log: Pick<EventLog, 'subscribe'>,
  range: LogRange,
  signal?: AbortSignal,
): AsyncGenerator<readonly CommitRecord[]> {
  try {
    yield* readRange(log, range, signal ? { signal } : {});
  } catch (error) {
    throw error instanceof ContinuityLost ? new ArchiveFault(error.message, { cause: error }) : error;
  }
}
