import { shapeOfThisBuild } from '../migrate.ts';
import { logSource } from './commit-source.ts';
import { type Exchanged, exchange } from './exchange.ts';
import { checkpointsOf, headTargets, misfitOf } from './live-read-model.ts';
import { NewReadModel } from './new-read-model.ts';
import { retryLikeLive } from './parked-commits.ts';
import type { RebuildOptions } from './rebuild.ts';
import { RebuildRefused, withRebuildClient, withRebuildLock } from './rebuild-lock.ts';
import { refuseOtherTables } from './refusals.ts';
import {
  NEXT,
  type NextState,
  PREVIOUS,
  type PreviousState,
  READ_MODEL,
  readState,
  writeState,
} from './schema-state.ts';

type RollBackOptions = Pick<
  RebuildOptions,
  'databaseUrl' | 'log' | 'logger' | 'progress' | 'keepOldMs' | 'signal'
>;

/** What is in use now. */
export interface RolledBack extends Exchanged {
  /** When it was replaced. */
  replacedAt: string;
  /** It was found not to be what the log says, then. */
  differed: boolean;
}

/**
 * Brings back the tables that the last switch replaced, caught up with the log from where they stood; those of now are kept
 * in their place, so that the same call goes forward again. Throws RebuildRefused, having changed nothing that is read.
 */
export function rollBackReadModel(wanted: RollBackOptions): Promise<RolledBack> {
  return withRebuildLock(wanted.databaseUrl, wanted.signal, async (signal) => {
    const options = { ...wanted, signal };
    const { databaseUrl, log, logger } = options;
    const tables = await reopenPrevious(options);
    await retryLikeLive(options);
    const place = { databaseUrl, schema: NEXT, epoch: log.epoch, log, logger, source: 'previous' as const };
    const next = await NewReadModel.resume({ ...place, signal });
    if (!next) throw new RebuildRefused('The previous read model is gone: make it anew with parley rebuild.');
    try {
      const source = logSource(log);
      const live = await withRebuildClient(databaseUrl, (client) => checkpointsOf(client, READ_MODEL));
      if (tables) {
        const misfit = await misfitOf(live, log);
        if (misfit)
          throw new RebuildRefused(
            `Single tables cannot be rolled back: ${misfit}. Make all anew: parley rebuild.`,
          );
        await next.foldTo(live, source);
      } else await next.foldTo(await headTargets(log, next.lanes), source);
      const { replacedAt = '', differed = false } = next.state;
      const exchanged = await exchange(
        { ...options, mayParkMore: true, ...(tables && { tables }) },
        next,
        source,
      );
      return { ...exchanged, replacedAt, differed };
    } finally {
      await next.close();
    }
  });
}

/** Renames it to what is being built; returns what was exchanged when that were not all tables. */
function reopenPrevious({ databaseUrl, log, progress }: RollBackOptions): Promise<readonly string[] | null> {
  return withRebuildClient(databaseUrl, async (client) => {
    await refuseOtherTables(client, {});
    const begun = await readState<NextState>(client, NEXT);
    const state = await readState<PreviousState>(client, PREVIOUS);
    // A rollback that was killed has renamed it already.
    if (begun?.source === 'previous' && state === null) return begun.only ?? null;
    if (state === null)
      throw new RebuildRefused(
        'There is no previous read model to go back to: none was replaced, or it was kept long enough. To make the tables anew: parley rebuild.',
      );
    const misfit = whyNot(state, log.epoch) ?? (await misfitOf(await checkpointsOf(client, PREVIOUS), log));
    if (misfit)
      throw new RebuildRefused(
        `The previous read model cannot be taken back: ${misfit}. To make the tables anew from the log: parley rebuild.`,
      );
    if (begun) progress.say('dropping the unfinished rebuild');
    const only = state.only ?? null;
    const startedAt = new Date().toISOString();
    await client.query(
      `BEGIN; DROP SCHEMA IF EXISTS ${NEXT} CASCADE; ALTER SCHEMA ${PREVIOUS} RENAME TO ${NEXT}`,
    );
    await writeState(client, NEXT, {
      phase: 'catch-up',
      shape: shapeOfThisBuild().hash,
      epoch: log.epoch,
      startedAt,
      source: 'previous',
      indexes: [],
      ...(only && { only }),
      ...(state.switchedAt && { replacedAt: state.switchedAt }),
      ...(state.differed && { differed: true }),
    });
    await client.query('COMMIT');
    return only;
  });
}

function whyNot(state: Partial<PreviousState>, epoch: string): string | null {
  if (state.shape !== shapeOfThisBuild().hash) return 'its tables are of another release than this command';
  if (state.epoch !== epoch) return `it is of the log ${state.epoch}, this one is ${epoch}`;
  return null;
}
