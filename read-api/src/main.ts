import { createLogger, loadConfigOrExit, Readiness, runProcess } from '@parley/runtime';
import { readApiVariables } from './config.ts';
import { startReadApi } from './read-api.ts';

const config = loadConfigOrExit(readApiVariables);
const logger = createLogger({ name: 'read-api', level: config.logLevel });
const readiness = new Readiness();

await runProcess({
  name: 'read-api',
  logger,
  deadlineMs: config.shutdownDeadlineMs,
  readiness,
  start: () => startReadApi(config, logger, readiness),
});
