import type { CommitRecord, EventLog, Subscription } from '@parley/runtime';
import type fc from 'fast-check';

/** The log with every answer held back until the scheduler lets it go: whatever can come between, does. */
export function racing(log: EventLog, scheduler: fc.Scheduler): EventLog {
  async function* paced(pages: AsyncIterable<CommitRecord[]>): AsyncGenerator<CommitRecord[]> {
    for await (const page of pages) {
      for (let at = 0; at < page.length; at += 2) {
        await scheduler.schedule(Promise.resolve(), 'a page of the log');
        yield page.slice(at, at + 2);
      }
    }
  }
  return {
    epoch: log.epoch,
    append: (request) => log.append(request),
    lastSequence: (subject) => log.lastSequence(subject),
    at: (sequence) => log.at(sequence),
    bounds: () => scheduler.schedule(log.bounds(), 'bounds'),
    read: (subject, after) => paced(log.read(subject, after)),
    subscribe(options): Subscription {
      const inner = log.subscribe(options);
      return {
        head: () => inner.head(),
        close: () => inner.close(),
        [Symbol.asyncIterator]: () => paced(inner),
      };
    },
  };
}
