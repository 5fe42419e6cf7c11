import {
  authVariables,
  httpVariables,
  logVariables,
  postgresVariables,
  processVariables,
  redisVariables,
} from '@parley/runtime';

/** Everything the command API reads from its environment. */
export const commandApiVariables = {
  ...processVariables,
  ...logVariables,
  ...postgresVariables,
  ...redisVariables,
  ...authVariables,
  ...httpVariables,
};
