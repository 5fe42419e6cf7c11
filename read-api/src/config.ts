import {
  authVariables,
  httpVariables,
  logVariables,
  postgresVariables,
  processVariables,
  redisVariables,
} from '@parley/runtime';

/** Everything the read API reads from its environment. */
export const readApiVariables = {
  ...processVariables,
  ...logVariables,
  ...postgresVariables,
  ...redisVariables,
  ...authVariables,
  ...httpVariables,
};
