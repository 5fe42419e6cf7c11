export { notifierVariables } from './config.ts';
export { declareNotifierMetrics } from './metrics.ts';
