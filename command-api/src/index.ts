export { startCommandApi } from './command-api.ts';
export { commandApiVariables } from './config.ts';
export { declareCommandMetrics } from './metrics.ts';
