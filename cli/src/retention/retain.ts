import type { EventLog, Logger, SnapshotStore } from '@parley/runtime';
import { firstStoredFrom } from '../log/places-in-log.ts';
import type { CommandContext } from '../run-command.ts';
import { archiveLimit, compareWithArchive } from './check-archive.ts';
import type { LogStream } from './log-stream.ts';
import { barriersTo, type Limit, lowestLimit } from './plan.ts';
import { purgeSubjects } from './purge-subjects.ts';
import { readModelNeeds, withReadModelsAtRest } from './read-model-needs.ts';
import { RetentionRefused } from './retention-refused.ts';
import type { Tallies } from './tally.ts';

interface RetainOptions extends Pick<CommandContext, 'progress' | 'signal'> {
  log: EventLog;
  snapshots: SnapshotStore;
  stream: LogStream;
  databaseUrl: string;
  /** Of the archive. */
  dir: string;
  /** Only commits stored before are removed, milliseconds since 1970. */
  storedBefore: number;
  dryRun: boolean;
  logger: Logger;
  /** Shown what would be removed, before anything is; not asked in a dry run. */
  agree?(planned: Retained): Promise<boolean>;
}

export interface Retained {
  tallies: Tallies;
  /** What kept the run from going further. */
  limit: Limit;
  /** All that keeps what is old enough, the lowest first. */
  barriers: Limit[];
  /** Of the log, afterwards. */
  completeFrom: number;
}

/**
 * Removes from the log what is archived, old enough, applied by the read models, and stood for by a snapshot. Throws
 * RetentionRefused, ArchiveFault or Unavailable with what to do, having removed nothing.
 */
export function retain(options: RetainOptions): Promise<Retained> {
  const { log, stream, databaseUrl, dir, storedBefore, dryRun, agree } = options;
  return withReadModelsAtRest(databaseUrl, async (client) => {
    await stream.refuseLossySnapshots();
    const old: Limit = {
      through: (await firstStoredFrom(log, storedBefore)) - 1,
      because: `what follows was stored at ${new Date(storedBefore).toISOString()} or later`,
    };
    const needs = await readModelNeeds(client, log, old.through);
    const limits = [...needs.limits, ...(await stream.readers()), await archiveLimit(dir, log, options)];
    const limit = lowestLimit([old, ...limits]);
    const barriers = barriersTo(old, limits);
    await needs.refuseParked(limit.through);
    await compareWithArchive(log, dir, limit.through, options);
    const { through } = limit;
    // The session holds the locks: when it is gone they are, and a rebuild may begin.
    const check = async (): Promise<void> => {
      await client.query('SELECT 1');
      await stream.refuseReadersBefore(through);
    };
    const purge = async (only: boolean): Promise<Retained> => {
      const tallies = await purgeSubjects({
        ...options,
        through,
        skipped: needs.skipped,
        dryRun: only,
        check,
      });
      return { tallies, limit, barriers, completeFrom: await stream.completeFrom() };
    };
    if (dryRun) return purge(true);
    if (agree && !(await agree(await purge(true)))) throw new RetentionRefused('Nothing was removed.');
    return purge(false);
  });
}
