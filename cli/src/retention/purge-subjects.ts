import { secureSnapshot } from '@parley/command-api';
import { parseSubject } from '@parley/contracts';
import {
  type CommitRecord,
  type EventLog,
  type Logger,
  LogUnavailable,
  type SnapshotStore,
} from '@parley/runtime';
import { counted, grouped } from '../log/counted.ts';
import type { CommandContext } from '../run-command.ts';
import type { LogStream, StreamSubject } from './log-stream.ts';
import { purgeThrough } from './plan.ts';
import { type Kind, type SubjectOutcome, Tallies } from './tally.ts';

/** Aggregates in memory at a time. */
const AT_ONCE = 8;
/** A reason that an aggregate cannot be folded may name its versions: as many reasons as aggregates. */
const LONGEST_REASON = 60;

interface PurgeOptions extends Pick<CommandContext, 'progress' | 'signal'> {
  log: EventLog;
  snapshots: SnapshotStore;
  stream: LogStream;
  logger: Logger;
  /** No commit after this sequence is removed. */
  through: number;
  /** None that was stored at this time or later, in milliseconds since 1970. */
  storedBefore: number;
  /** Subjects that nothing is removed of. */
  skipped: ReadonlySet<string>;
  dryRun: boolean;
  /** Throws when what the limits rest on may have changed. */
  check(): Promise<void>;
}

/**
 * Removes old commits of each subject, after its snapshot was written and read back; a dry run only counts. Before the
 * first is removed the stream says that it is complete only behind `through`. Ended anywhere, a next run goes on.
 */
export async function purgeSubjects(options: PurgeOptions): Promise<Tallies> {
  const { stream, progress, signal, through, dryRun } = options;
  const tallies = new Tallies();
  let raised: Promise<void> | undefined;
  const beforePurge = (): Promise<void> => {
    raised ??= stream.raiseCompleteFrom(through + 1);
    return raised;
  };
  let commits = 0;
  const title = dryRun ? 'counting what would be removed' : 'removing';
  const work = progress.start(title, await stream.count(), () => counted(commits, 'commit'), 'subjects');
  try {
    for await (const page of stream.pages()) {
      await options.check();
      await eachOf(page, async (found) => {
        signal.throwIfAborted();
        const kind = parseSubject(found.subject)?.kind;
        if (kind !== undefined) {
          const outcome = await purgeSubject(options, kind, found, beforePurge);
          tallies.add(kind, found.subject, outcome);
          commits += outcome.commits;
        }
        work.advance();
      });
    }
    return tallies;
  } finally {
    work.stop();
    if (raised && signal.aborted) {
      const from = grouped(await stream.completeFrom());
      progress.say(
        `${counted(commits, 'commit')} ${commits === 1 ? 'is' : 'are'} removed; the log is complete from ${from} on.`,
      );
    }
  }
}

/** Some at a time; after the first that fails no other is begun. */
async function eachOf<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = items.values();
  let failed = false;
  const lane = async (): Promise<void> => {
    for (const item of waiting) {
      if (failed) return;
      await work(item).catch((error: unknown) => {
        failed = true;
        throw error;
      });
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: AT_ONCE }, lane));
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
}

const NOTHING: SubjectOutcome = { commits: 0, bytes: 0, kept: null };

async function purgeSubject(
  options: PurgeOptions,
  kind: Kind,
  { subject, commits }: StreamSubject,
  beforePurge: () => Promise<void>,
): Promise<SubjectOutcome> {
  const { log, stream, through, storedBefore, dryRun } = options;
  if (commits < 2) return NOTHING;
  const oldest = await oldestCommit(log, subject);
  if (!oldest || oldest.sequence > through || oldest.storedAt >= storedBefore) return NOTHING;
  const relied = await whatToRelyOn(options, kind, subject);
  if ('because' in relied) return { ...NOTHING, kept: relied };
  // Asked of the leader, and after the snapshot was taken: it only rises.
  const last = await log.lastSequence(subject);
  const bound = purgeThrough(through, { last, ...relied });
  const counted = await countThrough(log, subject, bound, storedBefore);
  const isNeeded = relied.neededFrom !== null && relied.neededFrom <= through;
  const kept = isNeeded ? { because: 'a scheduled message waits in it', isTrouble: false } : null;
  if (counted.commits === 0) return { ...NOTHING, kept };
  if (!dryRun) {
    await beforePurge();
    counted.commits = await stream.purge(subject, counted.through);
  }
  return { commits: counted.commits, bytes: counted.bytes, kept };
}

interface Relied {
  snapshot: number | null;
  neededFrom: number | null;
}

async function whatToRelyOn(
  { log, snapshots, logger, skipped, dryRun }: PurgeOptions,
  kind: Kind,
  subject: string,
): Promise<Relied | { because: string; isTrouble: boolean }> {
  // Cursors merge by maximum in the read model; nobody folds them from the log but a rebuild, from the archive.
  if (kind === 'reads') return { snapshot: null, neededFrom: null };
  if (skipped.has(subject)) return { because: 'a commit of it is skipped by an operator', isTrouble: false };
  try {
    const secured = await secureSnapshot({ log, snapshots, logger }, subject, { dryRun });
    if (secured) return { snapshot: secured.sequence, neededFrom: secured.neededFrom };
    return { because: 'its name is none of Parley', isTrouble: true };
  } catch (error) {
    if (error instanceof LogUnavailable) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    return {
      because: `no snapshot: ${withoutName(reason, subject).slice(0, LONGEST_REASON)}`,
      isTrouble: true,
    };
  }
}

function withoutName(reason: string, subject: string): string {
  return reason.replaceAll(subject, '').replace(/^\S+\/\S+: /, '');
}

async function oldestCommit(log: EventLog, subject: string): Promise<CommitRecord | undefined> {
  for await (const page of log.read(subject, 0)) return page[0];
  return undefined;
}

/** Commits up to a sequence and before a time, and the last of them. */
async function countThrough(
  log: EventLog,
  subject: string,
  bound: number,
  storedBefore: number,
): Promise<{ commits: number; bytes: number; through: number }> {
  const counted = { commits: 0, bytes: 0, through: 0 };
  for await (const page of log.read(subject, 0)) {
    for (const { sequence, storedAt, payload } of page) {
      if (sequence > bound || storedAt >= storedBefore) return counted;
      counted.commits++;
      counted.bytes += payload.length;
      counted.through = sequence;
    }
  }
  return counted;
}
