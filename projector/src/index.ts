export { type ProjectorConfig, projectorVariables } from './config.ts';
export {
  askForRetry,
  isProjected,
  listDeadLetters,
  type ParkedKey,
  parkedCommits,
  skipCommit,
} from './dead-letter-wishes.ts';
export { declareProjectorMetrics, type ProjectorMetrics } from './metrics.ts';
export { migrateReadModel } from './migrate.ts';
export { LOCK_SPACE } from './ownership.ts';
export { Projection, type ProjectionState, type ProjectOptions } from './projection.ts';
export { type RunningProjector, startProjector } from './projector.ts';
export { openReadModel } from './read-model.ts';
export { type CommitSource, logSource } from './rebuild/commit-source.ts';
export type { FoldOptions, LaneTarget } from './rebuild/fold-to.ts';
export { checkpointsOf, misfitOf } from './rebuild/live-read-model.ts';
export { NewReadModel, type NewReadModelOptions } from './rebuild/new-read-model.ts';
export {
  type RebuildOptions,
  type RebuildProgress,
  type Rebuilt,
  rebuildReadModel,
} from './rebuild/rebuild.ts';
export { holderOf, RebuildRefused } from './rebuild/rebuild-lock.ts';
export { UnknownProjection } from './rebuild/refusals.ts';
export { type RolledBack, rollBackReadModel } from './rebuild/roll-back.ts';
export { isEqual, type TableComparison } from './verify/compare-read-models.ts';
export type { TracedEvent } from './verify/events-of-row.ts';
export type { RowDifference } from './verify/merge-rows.ts';
export {
  type VerifiedTable,
  VerifyRefused,
  type VerifyReport,
  verifyReadModel,
} from './verify/verify-read-model.ts';
