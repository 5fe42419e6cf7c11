export { readApiVariables } from './config.ts';
export { startReadApi } from './read-api.ts';
