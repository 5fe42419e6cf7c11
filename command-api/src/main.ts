import { createLogger, loadConfigOrExit, Readiness, runProcess } from '@parley/runtime';
import { startCommandApi } from './command-api.ts';
import { commandApiVariables } from './config.ts';

const config = loadConfigOrExit(commandApiVariables);
const logger = createLogger({ name: 'command-api', level: config.logLevel });
const readiness = new Readiness();

await runProcess({
  name: 'command-api',
  logger,
  deadlineMs: config.shutdownDeadlineMs,
  readiness,
  start: () => startCommandApi(config, logger, readiness),
});
