import { foldSubject, isLoadable, type SubjectFold } from '@parley/command-api';
import { decodeCommit, parseSubject } from '@parley/contracts';
import {
  type CommitRecord,
  type EventLog,
  type Logger,
  LogUnavailable,
  type SnapshotStore,
} from '@parley/runtime';
import { ArchiveFault } from '../archive/archive-fault.ts';
import { openArchive } from '../archive/archive-source.ts';
import type { CommandContext } from '../run-command.ts';
import type { LogStream } from './log-stream.ts';

/** Aggregates in memory at a time; the whole archive is read for each so many that are broken. */
const AT_ONCE = 1_000;

interface RestoreOptions extends Pick<CommandContext, 'progress' | 'signal'> {
  log: EventLog;
  snapshots: SnapshotStore;
  stream: LogStream;
  logger: Logger;
  dir: string;
}

export interface Restored {
  /** Conversations and users whose history the log does not hold from the beginning. */
  purged: number;
  restored: number;
  failed: { subject: string; reason: string }[];
}

/**
 * Makes the snapshots anew that stand for removed history and that this build cannot read, from the archive and the log.
 * Those that can be read stay. Throws ArchiveFault when the archive does not begin where the log did.
 */
export async function restoreSnapshots(options: RestoreOptions): Promise<Restored> {
  const { log, stream, dir, progress, signal } = options;
  const { first } = await openArchive(dir, log.epoch);
  if (first !== 1)
    throw new ArchiveFault(`${dir} begins at commit ${first}: it does not hold the beginning of the log.`);
  const result: Restored = { purged: 0, restored: 0, failed: [] };
  const work = progress.start('looking at snapshots', await stream.count(), undefined, 'subjects');
  const broken: string[] = [];
  try {
    for await (const page of stream.pages()) {
      for (const { subject } of page) {
        signal.throwIfAborted();
        work.advance();
        if (!(await isPurged(log, subject))) continue;
        result.purged++;
        if (await isBroken(options, subject, result)) broken.push(subject);
        if (broken.length === AT_ONCE) await restoreSome(options, broken.splice(0), result);
      }
    }
  } finally {
    work.stop();
  }
  if (broken.length > 0) await restoreSome(options, broken, result);
  return result;
}

/** What is left of the subject does not begin with its first version. */
async function isPurged(log: EventLog, subject: string): Promise<boolean> {
  if ((parseSubject(subject)?.kind ?? 'reads') === 'reads') return false;
  for await (const [oldest] of log.read(subject, 0)) return oldest !== undefined && firstVersion(oldest) > 1;
  return false;
}

/** Retention leaves alone what it cannot read: such a commit has nothing removed before it. */
function firstVersion({ payload }: CommitRecord): number {
  try {
    return decodeCommit(payload)[0]?.version ?? 1;
  } catch {
    return 1;
  }
}

async function isBroken(options: RestoreOptions, subject: string, result: Restored): Promise<boolean> {
  try {
    return !(await isLoadable(options, subject));
  } catch (error) {
    fail(result, subject, error);
    return false;
  }
}

async function restoreSome(
  { log, snapshots, logger, dir, progress, signal }: RestoreOptions,
  subjects: readonly string[],
  result: Restored,
): Promise<void> {
  const folds = new Map<string, SubjectFold>();
  for (const subject of subjects) {
    const fold = await foldSubject(subject);
    if (fold) folds.set(subject, fold);
  }
  const archive = await openArchive(dir, log.epoch);
  const work = progress.start(`folding ${folds.size} from the archive`, archive.last, undefined, 'commits');
  try {
    for await (const batch of archive.read({ after: 0, until: archive.last })) {
      signal.throwIfAborted();
      for (const record of batch) {
        await attempt(folds, record.subject, result, (fold) => fold.take(record));
      }
      work.advance(batch.length);
    }
  } finally {
    work.stop();
  }
  for (const subject of [...folds.keys()]) {
    signal.throwIfAborted();
    await attempt(folds, subject, result, async (fold) => {
      await fold.finish({ log, snapshots, logger });
      result.restored++;
    });
  }
}

/** One that fails is told of and given up; the others go on. */
async function attempt(
  folds: Map<string, SubjectFold>,
  subject: string,
  result: Restored,
  work: (fold: SubjectFold) => void | Promise<void>,
): Promise<void> {
  const fold = folds.get(subject);
  if (!fold) return;
  try {
    await work(fold);
  } catch (error) {
    fail(result, subject, error);
    folds.delete(subject);
  }
}

function fail(result: Restored, subject: string, error: unknown): void {
  if (error instanceof LogUnavailable) throw error;
  result.failed.push({ subject, reason: error instanceof Error ? error.message : String(error) });
}
