import { setTimeout as after } from 'node:timers/promises';
import { type CommitRecord, type EventLog, readRange } from '@parley/runtime';

/**
 * Where a new read model gets its commits from: the log, or an archive with the log behind it. Every commit with
 * `after` < sequence ≤ `until` once and in order; it throws where it cannot give one that there was.
 */
export interface CommitSource {
  read(range: { after: number; until: number }): AsyncIterable<readonly CommitRecord[]>;
}

const MAX_BATCH = 5_000;

/** Reads from the log itself. Its end must not be before `until`. */
export function logSource(log: EventLog): CommitSource {
  return {
    async *read(range) {
      if (range.after >= range.until) return;
      const { last } = await log.bounds();
      if (last < range.until) throw new Error(`The log ends at ${last}: it has no commit ${range.until}.`);
      yield* readRange(log, range, { maxBatch: MAX_BATCH });
    },
  };
}

/** The same commits at no more than so many a second, so that those who use the servers notice less. */
export function throttled(source: CommitSource, commitsPerSecond: number): CommitSource {
  const most = Math.max(1, Math.floor(commitsPerSecond / 4));
  return {
    async *read(range) {
      const started = performance.now();
      let given = 0;
      for await (const records of source.read(range)) {
        for (let begin = 0; begin < records.length; begin += most) {
          const part = records.slice(begin, begin + most);
          yield part;
          given += part.length;
          const wait = (given / commitsPerSecond) * 1_000 - (performance.now() - started);
          if (wait > 1) await after(wait);
        }
      }
    },
  };
}
