import { type CommitSource, logSource } from '@parley/projector';
import type { EventLog } from '@parley/runtime';
import { openArchive } from '../archive/archive-source.ts';
import { UsageError } from '../run-command.ts';

/** All commits of a log that may hold only its newest: what the archive has, then the log from the archive's end. */
export async function archiveThenLog(dir: string, log: EventLog): Promise<CommitSource> {
  const archive = await openArchive(dir, log.epoch);
  const { first } = await log.bounds();
  if (archive.last + 1 < first) {
    throw new UsageError(
      `The archive ends at ${archive.last} and the log begins at ${first}: commits ${archive.last + 1} to ${first - 1} are ` +
        'missing. Give the newest archive of this log, or one that reaches further.',
    );
  }
  const tail = logSource(log);
  return {
    async *read({ after, until }) {
      if (after < archive.last) yield* archive.read({ after, until: Math.min(until, archive.last) });
      if (until > archive.last) yield* tail.read({ after: Math.max(after, archive.last), until });
    },
  };
}
