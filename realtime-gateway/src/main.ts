import { createLogger, loadConfigOrExit, Readiness, runProcess } from '@parley/runtime';
import { gatewayVariables } from './config.ts';
import { startRealtimeGateway } from './realtime-gateway.ts';

const config = loadConfigOrExit(gatewayVariables);
const logger = createLogger({ name: 'realtime-gateway', level: config.logLevel });
const readiness = new Readiness();

await runProcess({
  name: 'realtime-gateway',
  logger,
  readiness,
  deadlineMs: config.shutdownDeadlineMs,
  start: () => startRealtimeGateway(config, logger, readiness),
});
