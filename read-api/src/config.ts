import {
  authVariables,
  httpVariables,
  postgresVariables,
  processVariables,
  redisVariables,
} from '@parley/runtime';

/** Everything the read API reads from its environment. */
export const readApiVariables = {
  ...processVariables,
  ...postgresVariables,
  ...redisVariables,
  ...authVariables,
  ...httpVariables,
};
