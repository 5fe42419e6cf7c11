import type { Client } from 'pg';
import { shapeOfThisBuild } from '../migrate.ts';
import { carryOver } from './carry-over.ts';
import type { CommitSource } from './commit-source.ts';
import { checkpointsOf, misfitOf } from './live-read-model.ts';
import type { NewReadModel } from './new-read-model.ts';
import { ParksMore, parkedOnlyIn } from './parked-commits.ts';
import type { RebuildOptions } from './rebuild.ts';
import { RebuildRefused, withRebuildClient } from './rebuild-lock.ts';
import { refuseOtherTables, tablesToExchange } from './refusals.ts';
import { NEXT, READ_MODEL } from './schema-state.ts';
import { type Switched, switchReadModels } from './switch-read-models.ts';

export interface Exchanged extends Switched {
  /** Till then the old tables can be taken back. */
  keepUntil: string;
  /** What the installation has set on the old tables and the new ones have not; owner and privileges are never among it. */
  leftBehind: string[];
}

interface ExchangeOptions
  extends Pick<RebuildOptions, 'databaseUrl' | 'log' | 'progress' | 'tables' | 'keepOldMs' | 'signal'> {
  /** The tables in use were found not to be what the log says. */
  differed?: boolean;
  /** Whoever goes back knows that he gets less. */
  mayParkMore?: boolean;
}

/**
 * Puts the new tables, all or those that are asked for, in the place of those in use, at their position or beyond it, with
 * the same owner and privileges. Throws RebuildRefused, having exchanged nothing.
 */
export function exchange(
  options: ExchangeOptions,
  next: NewReadModel,
  source: CommitSource,
): Promise<Exchanged> {
  const { databaseUrl, log, progress, keepOldMs, signal, mayParkMore, differed = false } = options;
  const keepUntil = new Date(Date.now() + keepOldMs).toISOString();
  return withRebuildClient(databaseUrl, async (client) => {
    const tables = await tablesToExchange(client, options.tables);
    const leftBehind = await carryOver(client, tables, (text) => progress.say(text));
    const [live, made] = [
      { client, schema: READ_MODEL },
      { client, schema: NEXT },
    ];
    const switched = await switchReadModels({
      client,
      tables,
      previous: {
        shape: shapeOfThisBuild().hash,
        keepUntil,
        ...(options.tables && { only: tables }),
        ...(differed && { differed }),
      },
      onWait: (reason) => progress.say(`waiting to exchange the tables: ${reason}`),
      signal,
      async catchUp(checkpoints) {
        // A projector of a later release may have migrated them, and its migrations wait for this transaction from now on.
        await refuseOtherTables(client, options);
        const fits = (await misfitOf(checkpoints, log)) === null;
        if (fits) await next.foldTo(checkpoints, source);
        await refuseMoved(client, next);
        if (!fits) return;
        const parked = await parkedOnlyIn(made, live, checkpoints);
        if (parked.length > 0 && !mayParkMore) throw new ParksMore(parked);
      },
    });
    return { ...switched, keepUntil, leftBehind };
  });
}

/** Postgres loses commits of the last moment when it crashes, and somebody may have taken the lock of this run away. */
async function refuseMoved(client: Client, next: NewReadModel): Promise<void> {
  const stored = await checkpointsOf(client, NEXT);
  if (next.positions.every((position, lane) => stored[lane]?.sequence === position)) return;
  throw new RebuildRefused(
    'The new tables are not where this run has brought them: Postgres was restarted, or another run has changed them. ' +
      'Nothing was exchanged: run it again.',
  );
}
