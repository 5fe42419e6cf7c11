import type { CommitRecord, EventLog } from '@parley/runtime';
import type { Progress } from '../progress.ts';
import { openArchive } from './archive-source.ts';
import { CommitCursor } from './commit-cursor.ts';
import { newestStored, readLog } from './read-log.ts';

const FAULTS_KEPT = 20;

/** `compared` commits are in the log and in the archive's range; `faults` are the first of them that differ. */
export interface LogVerdict {
  epoch: string;
  compared: number;
  /** Sequences that the log has beyond the archive's end. */
  notArchived: number;
  differing: number;
  faults: string[];
}

/**
 * Compares the archive of this log with what the log still holds of its range. Sequences that the log has removed are
 * passed over; a commit that the log has and the archive lacks is a fault. Throws `ArchiveFault` when there is no such
 * archive.
 */
export async function compareWithLog(
  log: Pick<EventLog, 'epoch' | 'at' | 'bounds' | 'subscribe'>,
  dir: string,
  { progress, signal }: { progress: Progress; signal: AbortSignal },
): Promise<LogVerdict> {
  const archive = await openArchive(dir, log.epoch);
  const bounds = await log.bounds();
  const notArchived = Math.max(0, bounds.last - archive.last);
  const verdict: LogVerdict = { epoch: log.epoch, compared: 0, notArchived, differing: 0, faults: [] };
  if (bounds.last < archive.last) {
    const text = `the log ends at ${bounds.last}, before the archive does (${archive.last}): it has lost its end`;
    tell(verdict, text);
  }
  if (bounds.first > archive.last + 1) {
    const text = `the archive ends at ${archive.last}, the log begins at ${bounds.first}: what was between is in neither`;
    tell(verdict, text);
  }
  const first = Math.max(bounds.first, archive.first);
  const newest = await newestStored(log, { first, last: Math.min(bounds.last, archive.last) });
  if (!newest) return verdict;
  const range = { after: first - 1, until: newest.sequence };
  const archived = new CommitCursor(archive.read(range));
  const work = progress.start('comparing with the log', range.until - range.after, undefined, 'commits');
  try {
    for await (const batch of readLog(log, range, signal)) {
      for (const stored of batch) {
        compare(verdict, stored, await seek(archived, stored.sequence));
        work.advance();
      }
    }
  } finally {
    await archived.close();
    work.stop();
  }
  return verdict;
}

async function seek(archived: CommitCursor, sequence: number): Promise<CommitRecord | null> {
  for (;;) {
    const next = archived.peek();
    if (next && next.sequence >= sequence) return next.sequence === sequence ? next : null;
    if (next) archived.advance();
    else if (!(await archived.more())) return null;
  }
}

function compare(verdict: LogVerdict, stored: CommitRecord, archived: CommitRecord | null): void {
  verdict.compared++;
  if (!archived) {
    tell(verdict, `commit ${stored.sequence}: the log has it, the archive does not`);
    return;
  }
  const differs = (
    [
      ['commit id', stored.commitId === archived.commitId],
      ['subject', stored.subject === archived.subject],
      // The log gives nanoseconds, which do not fit a number exactly: at a millisecond's edge two reads may disagree.
      ['time', Math.abs(stored.storedAt - archived.storedAt) <= 1],
      ['payload', Buffer.compare(stored.payload, archived.payload) === 0],
    ] as const
  ).flatMap(([what, same]) => (same ? [] : [what]));
  if (differs.length > 0) tell(verdict, `commit ${stored.sequence}: ${differs.join(', ')} not as in the log`);
}

function tell(verdict: LogVerdict, fault: string): void {
  verdict.differing++;
  if (verdict.faults.length < FAULTS_KEPT) verdict.faults.push(fault);
}
