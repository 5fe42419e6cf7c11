import { type CommitRecord, ContinuityLost, type EventLog } from '@parley/runtime';
import { ArchiveFault } from './archive-fault.ts';

/** The newest commit that the log holds in a range, its end included; null when all of the range was deleted. */
export async function newestStored(
  log: EventLog,
  { first, last }: { first: number; last: number },
): Promise<CommitRecord | null> {
  for (let sequence = last; sequence >= first; sequence--) {
    const record = await log.at(sequence);
    if (record) return record;
  }
  return null;
}

/** Every commit in `(after, until]`, in order. `until` must be a stored commit: a reader would wait for a deleted one. */
export async function* logRange(
  log: EventLog,
  { after, until }: { after: number; until: number },
  signal?: AbortSignal,
): AsyncGenerator<readonly CommitRecord[]> {
  if (until <= after) return;
  const subscription = log.subscribe({ afterSequence: after });
  // NATS may be away when somebody presses Ctrl-C: nothing would come that could be looked at.
  const stop = (): void => void subscription.close();
  signal?.addEventListener('abort', stop);
  try {
    for await (const records of subscription) {
      signal?.throwIfAborted();
      const end = records.at(-1)?.sequence ?? 0;
      yield end <= until ? records : records.filter(({ sequence }) => sequence <= until);
      if (end >= until) return;
    }
    signal?.throwIfAborted();
    throw new ArchiveFault(`the log ended before ${until}`);
  } catch (error) {
    throw error instanceof ContinuityLost ? new ArchiveFault(error.message, { cause: error }) : error;
  } finally {
    signal?.removeEventListener('abort', stop);
    await subscription.close();
  }
}
