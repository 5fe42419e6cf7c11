import { createLogger, loadConfigOrExit, Readiness, runProcess } from '@parley/runtime';
import { projectorVariables } from './config.ts';
import { startProjector } from './projector.ts';

const config = loadConfigOrExit(projectorVariables);
const readiness = new Readiness();

await runProcess({
  name: 'projector',
  logger: createLogger({ name: 'projector', level: config.logLevel }),
  deadlineMs: config.shutdownDeadlineMs,
  readiness,
  start: ({ logger }) => startProjector(config, logger, readiness),
});
