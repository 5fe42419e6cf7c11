import { createLogger, loadConfigOrExit, Readiness, runProcess } from '@parley/runtime';
import { notifierVariables } from './config.ts';
import { startNotifier } from './notifier.ts';

const config = loadConfigOrExit(notifierVariables);
const logger = createLogger({ name: 'notifier', level: config.logLevel });
const readiness = new Readiness();

await runProcess({
  name: 'notifier',
  logger,
  deadlineMs: config.shutdownDeadlineMs,
  readiness,
  start: () => startNotifier(config, logger, readiness),
});
