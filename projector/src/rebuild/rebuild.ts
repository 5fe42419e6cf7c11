import type { EventLog, Logger } from '@parley/runtime';
import type { Checkpoint } from '../checkpoints.ts';
import { shapeOfThisBuild } from '../migrate.ts';
import { compareReadModels, type TableComparison } from '../verify/compare-read-models.ts';
import { type CommitSource, logSource, throttled } from './commit-source.ts';
import type { LaneTarget } from './fold-to.ts';
import { checkpointsOf, headTargets, misfitOf } from './live-read-model.ts';
import { NewReadModel } from './new-read-model.ts';
import { RebuildRefused, withRebuildClient, withRebuildLock } from './rebuild-lock.ts';
import { refuseOtherTables, tablesToExchange } from './refusals.ts';
import { NEXT, READ_MODEL } from './schema-state.ts';
import { type Switched, switchReadModels } from './switch-read-models.ts';

/** Told what a rebuild is doing; sequences count from the beginning of the log. */
export interface RebuildProgress {
  say(text: string): void;
  phase(name: 'load' | 'index' | 'compare', total: number): void;
  reached(done: number): void;
}

export interface RebuildOptions {
  databaseUrl: string;
  log: EventLog;
  logger: Logger;
  progress: RebuildProgress;
  /** Where commits come from when not from the log alone. */
  archive?: CommitSource;
  /** Most commits a second. */
  throttle?: number;
  /** Build and compare, then drop it again. */
  dryRun?: boolean;
  /** Only these tables are compared and exchanged; all unless told. */
  tables?: readonly string[];
  /** How long the replaced tables are kept, in milliseconds. */
  keepOldMs: number;
  signal?: AbortSignal;
}

export interface Rebuilt {
  /** It went on with what an earlier run had left. */
  resumed: boolean;
  /** Sequence up to which the new read model is folded. */
  sequence: number;
  /** Tables of the live read model beside the new ones at the same position; null when they could not be compared. */
  compared: readonly TableComparison[] | null;
  /** Why not. */
  incomparable: string | null;
  /** Null after a dry run. */
  switched: (Switched & { keepUntil: string }) | null;
}

/**
 * Folds the log into a new read model beside the one in use, compares both at one position and exchanges them; readers and
 * the projector go on meanwhile. What was done is found again by the next call when this one ends early. Throws
 * RebuildRefused, having changed nothing that anybody reads.
 */
export function rebuildReadModel(options: RebuildOptions): Promise<Rebuilt> {
  return withRebuildLock(options.databaseUrl, async () => {
    const { databaseUrl, signal } = options;
    const live = await withRebuildClient(databaseUrl, (client) => refuseOtherTables(client, options));
    const { next, resumed } = await openNext(options, live);
    try {
      signal?.throwIfAborted();
      return await build(options, next, resumed);
    } finally {
      if (options.dryRun && !signal?.aborted) await next.drop();
      else await next.close();
    }
  });
}

/** What `rebuild` left, or an empty read model. */
async function openNext(
  options: RebuildOptions,
  live: readonly Checkpoint[],
): Promise<{ next: NewReadModel; resumed: boolean }> {
  const { databaseUrl, log, logger, signal, archive, progress } = options;
  const place = {
    databaseUrl,
    schema: NEXT,
    epoch: log.epoch,
    log,
    logger,
    source: archive ? ('archive' as const) : ('log' as const),
    ...(live.length > 0 && { lanes: live.length }),
    ...(signal && { signal }),
  };
  const left = await NewReadModel.resume(place);
  if (left && left.lanes === (live.length || left.lanes)) {
    progress.say(`going on with the rebuild of ${left.state.startedAt}, at ${left.position}`);
    return { next: left, resumed: true };
  }
  await left?.close();
  const { first } = await log.bounds();
  if (first > 1 && !archive) {
    throw new RebuildRefused(
      `The log begins at ${first}: what was before is in its archive. Say where that is: --from-archive <folder>.`,
    );
  }
  return { next: await NewReadModel.create(place), resumed: false };
}

async function build(options: RebuildOptions, next: NewReadModel, resumed: boolean): Promise<Rebuilt> {
  const { progress, tables, dryRun, log } = options;
  const whole = options.archive ?? logSource(log);
  const source = options.throttle ? throttled(whole, options.throttle) : whole;
  const targets = await loadTargets(options, next);
  progress.phase('load', Math.max(...targets.map(({ sequence }) => sequence)));
  await next.foldTo(targets, source, {
    onProgress: (sequence) => progress.reached(sequence),
    ...(options.throttle && { sliceCommits: options.throttle }),
  });
  await next.enter('index');
  progress.phase('index', next.state.indexes.length);
  await next.createIndexes((done) => progress.reached(done));
  await next.enter('catch-up');
  const { compared, incomparable } = await compare(options, next, source);
  const result = { resumed, compared, incomparable };
  if (dryRun) return { ...result, sequence: next.position, switched: null };
  if (tables && incomparable !== null) {
    throw new RebuildRefused(
      `Single tables can only be exchanged when all are at one position of one log, and ${incomparable}. Leave --projection away.`,
    );
  }
  // A projector that is halted leaves the live one behind; the new one need not wait for it.
  if (!tables) await next.foldTo(await headTargets(log, next.lanes), source);
  const switched = await exchange(options, next, source);
  return { ...result, sequence: next.position, switched };
}

/** As far as the live read model is, so that both can be compared; the end of the log when it is of another one. */
async function loadTargets({ databaseUrl, log }: RebuildOptions, next: NewReadModel): Promise<LaneTarget[]> {
  const live = await withRebuildClient(databaseUrl, (client) => checkpointsOf(client, READ_MODEL));
  return (await misfitOf(live, log)) === null ? live : headTargets(log, next.lanes);
}

async function compare(
  options: RebuildOptions,
  next: NewReadModel,
  source: CommitSource,
): Promise<Pick<Rebuilt, 'compared' | 'incomparable'>> {
  const { databaseUrl, log, progress, tables } = options;
  return withRebuildClient(databaseUrl, async (liveClient) => {
    await liveClient.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const live = await checkpointsOf(liveClient, READ_MODEL);
    const incomparable = (await misfitOf(live, log)) ?? whyBehind(live, next);
    if (incomparable !== null) {
      progress.say(`the live read model cannot be compared: ${incomparable}`);
      await next.foldTo(await headTargets(log, next.lanes), source);
      return { compared: null, incomparable };
    }
    await next.foldTo(live, source);
    const compared = await withRebuildClient(databaseUrl, async (client) => {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      progress.phase('compare', 1);
      return compareReadModels({
        left: { client: liveClient, schema: READ_MODEL },
        right: { client, schema: NEXT },
        ...(tables && { tables }),
      });
    });
    progress.reached(1);
    return { compared, incomparable: null };
  });
}

function whyBehind(live: readonly Checkpoint[], next: NewReadModel): string | null {
  const lowest = Math.min(...live.map(({ sequence }) => sequence));
  return lowest < next.furthest ? `it is at ${lowest}, behind the new one at ${next.furthest}` : null;
}

/** Exchanges what is asked for, at the position of the live read model or beyond it. */
export async function exchange(
  options: Pick<RebuildOptions, 'databaseUrl' | 'log' | 'progress' | 'tables' | 'keepOldMs' | 'signal'>,
  next: NewReadModel,
  source: CommitSource,
): Promise<Switched & { keepUntil: string }> {
  const { databaseUrl, log, progress, keepOldMs, signal } = options;
  const keepUntil = new Date(Date.now() + keepOldMs).toISOString();
  return withRebuildClient(databaseUrl, async (client) => {
    const tables = await tablesToExchange(client, options.tables);
    const switched = await switchReadModels({
      client,
      tables,
      previous: { shape: shapeOfThisBuild().hash, keepUntil, ...(options.tables && { only: tables }) },
      onWait: (reason) => progress.say(`waiting to exchange the tables: ${reason}`),
      signal,
      async catchUp(live) {
        if ((await misfitOf(live, log)) === null) await next.foldTo(live, source);
      },
    });
    return { ...switched, keepUntil };
  });
}
