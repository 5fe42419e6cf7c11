import { LOG_SUBJECTS } from '@parley/contracts';
import type { CommitRecord, EventLog } from '@parley/runtime';
import { openArchive } from '../archive/archive-source.ts';
import { CommitCursor } from '../archive/commit-cursor.ts';
import { verifyArchive } from '../archive/verify-archive.ts';
import type { CommandContext } from '../run-command.ts';
import type { Limit } from './plan.ts';
import { RetentionRefused } from './retention-refused.ts';

type Told = Pick<CommandContext, 'progress' | 'signal'>;

/** Up to where the archive of this log can take its place. Throws when it is not whole, or not of this log. */
export async function archiveLimit(dir: string, log: EventLog, { progress, signal }: Told): Promise<Limit> {
  const { first, last } = await openArchive(dir, log.epoch);
  if (first !== 1) {
    throw new RetentionRefused(
      `The archive in ${dir} begins at commit ${first}: no read model could be made from it. Use the one that holds the ` +
        'beginning of the log.',
    );
  }
  const { last: end } = await log.bounds();
  if (end < last) {
    throw new RetentionRefused(
      `The log ends at ${end}, before its archive does (${last}): it has lost its end.`,
    );
  }
  const verdicts = await verifyArchive(dir, { progress, signal });
  const faults = verdicts.find(({ epoch }) => epoch === log.epoch)?.faults ?? ['it is gone'];
  if (faults.length > 0) {
    throw new RetentionRefused(
      `The archive in ${dir} is damaged: ${faults[0]}. Bring it back from a copy; \`parley archive verify\` shows all faults.`,
    );
  }
  // Its last commit proves to `parley archive` that this is the log that it goes on with.
  return {
    through: last - 1,
    because: 'the archive ends behind it; `parley archive` goes on with it',
    isOrdinary: true,
  };
}

/**
 * Compares every commit that the log holds up to a sequence with the archived one, also those that earlier runs have
 * left. Throws at the first that is another or is not there.
 */
export async function compareWithArchive(
  log: EventLog,
  dir: string,
  through: number,
  { progress, signal }: Told,
): Promise<void> {
  const archive = await openArchive(dir, log.epoch);
  const archived = new CommitCursor(archive.read({ after: 0, until: through }));
  const work = progress.start('comparing the archive with the log', through, undefined, 'commits');
  try {
    let done = 0;
    for await (const page of log.read(LOG_SUBJECTS, 0)) {
      signal.throwIfAborted();
      for (const stored of page) {
        if (stored.sequence > through) return;
        if (!isSame(stored, await seek(archived, stored.sequence))) throw differs(stored.sequence, dir);
        work.advance(stored.sequence - done);
        done = stored.sequence;
      }
    }
    // A replica that is behind may have answered; this the leader answers.
    if (done < through && (await log.at(through))) {
      throw new RetentionRefused(
        `A server of the log showed commits up to ${done} only, and it holds ${through}: nothing is removed. Try again.`,
      );
    }
  } finally {
    await archived.close();
    work.stop();
  }
}

async function seek(archived: CommitCursor, sequence: number): Promise<CommitRecord | null> {
  while (archived.peek() || (await archived.more())) {
    const next = archived.peek();
    if (next && next.sequence >= sequence) return next.sequence === sequence ? next : null;
    archived.advance();
  }
  return null;
}

function isSame(stored: CommitRecord, archived: CommitRecord | null): boolean {
  return (
    archived !== null &&
    archived.commitId === stored.commitId &&
    archived.subject === stored.subject &&
    Buffer.compare(archived.payload, stored.payload) === 0
  );
}

function differs(sequence: number, dir: string): RetentionRefused {
  return new RetentionRefused(
    `Commit ${sequence} is not in the archive in ${dir} as the log holds it: nothing is removed. ` +
      '`parley archive verify --against-log` shows where they differ.',
  );
}
