import { shapeOfThisBuild } from '../migrate.ts';
import { NewReadModel } from './new-read-model.ts';
import { retryLikeLive } from './parked-commits.ts';
import type { RebuildOptions } from './rebuild.ts';
import { RebuildRefused, withRebuildClient } from './rebuild-lock.ts';
import { NEXT, type NextState, readState } from './schema-state.ts';

/** What an earlier run left, with all that can be gone on with; or empty tables. `lanes`: of the live one, 0 = as usual. */
export async function openNext(
  options: RebuildOptions,
  lanes: number,
): Promise<{ next: NewReadModel; resumed: boolean }> {
  const { databaseUrl, log, logger, signal, archive, progress } = options;
  const begun = await withRebuildClient(databaseUrl, (client) => readState<NextState>(client, NEXT));
  if (begun?.source === 'previous') {
    throw new RebuildRefused(
      'A rollback was stopped in the middle, and what it brings back would be lost: end it first with parley rebuild ' +
        `--rollback. Or give those tables up: DROP SCHEMA ${NEXT} CASCADE.`,
    );
  }
  const place = { databaseUrl, schema: NEXT, epoch: log.epoch, log, logger, ...(signal && { signal }) };
  const left = begun === null ? null : await resume(options, place, begun);
  if (left && (lanes === 0 || left.lanes === lanes)) {
    const missing = await missingAfter(options, left.position);
    if (missing === null) {
      progress.say(`going on with the rebuild of ${left.state.startedAt}, at ${left.position}`);
      return { next: left, resumed: true };
    }
    await left.close();
    throw missing;
  }
  await left?.close();
  const missing = await missingAfter(options, 0);
  if (missing !== null) throw missing;
  if (begun !== null)
    progress.say(`beginning anew: what an earlier run left is ${whyUnfit(begun, log.epoch)}`);
  const source = archive ? ('archive' as const) : ('log' as const);
  return {
    next: await NewReadModel.create({ ...place, source, ...(lanes > 0 && { lanes }) }),
    resumed: false,
  };
}

/** A commit is the same in the log and in its archive: what was begun with one can be gone on with from the other. */
async function resume(
  options: RebuildOptions,
  place: Parameters<typeof NewReadModel.resume>[0],
  { source = 'log', shape, epoch, phase }: Partial<NextState>,
): Promise<NewReadModel | null> {
  if (shape !== shapeOfThisBuild().hash || epoch !== options.log.epoch || phase === undefined) return null;
  await retryLikeLive(options);
  return NewReadModel.resume({ ...place, source });
}

function whyUnfit({ shape, epoch }: Partial<NextState>, ours: string): string {
  if (shape === undefined) return 'not complete';
  if (shape !== shapeOfThisBuild().hash) return 'of another release';
  return epoch === ours ? 'of another number of lanes' : `of the log ${epoch}, this one is ${ours}`;
}

/** The refusal when the log alone no longer has what comes after a place. */
async function missingAfter(
  { log, archive }: RebuildOptions,
  position: number,
): Promise<RebuildRefused | null> {
  const { first } = await log.bounds();
  if (first <= position + 1 || archive) return null;
  return new RebuildRefused(
    `The log begins at ${first}: what was before is in its archive. Say where that is: --from-archive <folder>.`,
  );
}
