import type { EventLog, Logger } from '@parley/runtime';
import type { Checkpoint } from '../checkpoints.ts';
import { compareReadModels, isEqual, type TableComparison } from '../verify/compare-read-models.ts';
import { type CommitSource, logSource, throttled } from './commit-source.ts';
import { type Exchanged, exchange } from './exchange.ts';
import type { LaneTarget } from './fold-to.ts';
import { checkpointsOf, headTargets, misfitOf } from './live-read-model.ts';
import type { NewReadModel } from './new-read-model.ts';
import { openNext } from './open-next.ts';
import { countParked, type Parked, ParksMore } from './parked-commits.ts';
import { RebuildRefused, withRebuildClient, withRebuildLock } from './rebuild-lock.ts';
import { refuseOtherTables } from './refusals.ts';
import { NEXT, READ_MODEL } from './schema-state.ts';
import { tellTrouble } from './tell-trouble.ts';

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
  /** When the first of these runs began. */
  startedAt: string;
  /** Sequence up to which the new read model is folded. */
  sequence: number;
  /** Tables of the live read model beside the new ones at the same position; null when they could not be compared. */
  compared: readonly TableComparison[] | null;
  /** Why not. */
  incomparable: string | null;
  /** What could not be applied and waits, in the new tables as it would in the live ones. */
  parked: Parked;
  /** Null after a dry run. */
  switched: Exchanged | null;
}

/**
 * Folds the log into a new read model beside the one in use, compares both at one position and exchanges them; readers and
 * the projector go on meanwhile. What was done is found again by the next call when this one ends early. Throws
 * RebuildRefused, having changed nothing that anybody reads.
 */
export function rebuildReadModel(wanted: RebuildOptions): Promise<Rebuilt> {
  return withRebuildLock(wanted.databaseUrl, wanted.signal, async (signal) => {
    const options = { ...wanted, signal };
    const live = await withRebuildClient(options.databaseUrl, (client) => refuseOtherTables(client, options));
    return runOnce(options, live).catch((error: unknown) => {
      if (!(error instanceof ParksMore)) throw error;
      options.progress.say('dead letters were retried or skipped meanwhile: the new tables do the same');
      return runOnce(options, live);
    });
  });
}

async function runOnce(options: RebuildOptions, live: readonly Checkpoint[]): Promise<Rebuilt> {
  const { next, resumed } = await openNext(options, live.length);
  try {
    options.signal?.throwIfAborted();
    const say = (text: string): void => options.progress.say(text);
    return await tellTrouble(next, say, () => build(options, next, resumed));
  } finally {
    if (options.dryRun && !options.signal?.aborted) await next.drop();
    else await next.close();
  }
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
  const { startedAt } = next.state;
  const result = { resumed, startedAt, compared, incomparable, parked: await parkedIn(options) };
  if (dryRun) return { ...result, sequence: next.position, switched: null };
  if (tables && incomparable !== null) {
    throw new RebuildRefused(
      `Single tables can only be exchanged when all are at one position of one log, and ${incomparable}. Leave --projection away.`,
    );
  }
  // Nearly all that came meanwhile is folded before the projector is held. One that is halted leaves the live read model
  // behind; the new one need not wait for it, but single tables must fit the others.
  await next.foldTo(tables ? await loadTargets(options, next) : await headTargets(log, next.lanes), source);
  const differed = compared?.some((table) => !isEqual(table)) ?? false;
  const switched = await exchange({ ...options, differed }, next, whole);
  return { ...result, sequence: next.position, switched, parked: await parkedIn(options, READ_MODEL) };
}

function parkedIn({ databaseUrl }: RebuildOptions, schema = NEXT): Promise<Parked> {
  return withRebuildClient(databaseUrl, (client) => countParked(client, schema));
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

function whyBehind(live: readonly Checkpoint[], { positions }: NewReadModel): string | null {
  const behind = live.find(({ lane, sequence }) => sequence < (positions[lane] ?? 0));
  if (!behind) return null;
  const { lane, sequence } = behind;
  return `its lane ${lane} is at ${sequence}, behind the new one at ${positions[lane]}`;
}
