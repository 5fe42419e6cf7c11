export { type ProjectorConfig, projectorVariables } from './config.ts';
export { declareProjectorMetrics, type ProjectorMetrics } from './metrics.ts';
export { migrateReadModel } from './migrate.ts';
export { Projection, type ProjectionState, type ProjectOptions } from './projection.ts';
export { type RunningProjector, startProjector } from './projector.ts';
