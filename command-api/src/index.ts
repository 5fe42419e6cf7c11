export { startCommandApi } from './command-api.ts';
export { commandApiVariables } from './config.ts';
export { declareCommandMetrics } from './metrics.ts';
export { foldSubject, isLoadable, type SubjectFold, secureSnapshot } from './secure-snapshot.ts';
