import {
  type Config,
  logVariables,
  postgresVariables,
  processVariables,
  type Variables,
} from '@parley/runtime';

export const projectorVariables = {
  ...processVariables,
  ...logVariables,
  ...postgresVariables,
} satisfies Variables;

export type ProjectorConfig = Config<typeof projectorVariables>;
