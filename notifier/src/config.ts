import { type Config, postgresVariables, processVariables, serviceVariables } from '@parley/runtime';

/** Everything the notifier reads from its environment. */
export const notifierVariables = { ...processVariables, ...postgresVariables, ...serviceVariables };
export type NotifierConfig = Config<typeof notifierVariables>;
