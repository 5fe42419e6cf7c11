import { MAX_REQUEST_BYTES } from '@parley/contracts';
import { commandPages } from '@parley/contracts/docs';
import {
  addDocsPages,
  type Config,
  createPool,
  type Logger,
  listen,
  Metrics,
  openDoor,
  openEventLog,
  Readiness,
  type RunningProcess,
} from '@parley/runtime';
import { CursorAdvance } from './advance-cursor.ts';
import type { commandApiVariables } from './config.ts';
import { CursorWriter } from './cursor-writer.ts';
import { CommandExecutor } from './execute-command.ts';
import { CommandHandler } from './handle-command.ts';
import { declareCommandMetrics } from './metrics.ts';
import { ReadModelLookup } from './read-model-lookup.ts';
import { addCommandRoutes } from './routes.ts';
import { addSessionRoutes } from './session-routes.ts';
import { createWriters } from './writers.ts';

const NAME = 'command-api';

/** Wires the process: everything it needs is opened here and closed, in reverse, by `stop`. */
export async function startCommandApi(
  config: Config<typeof commandApiVariables>,
  logger: Logger,
  readiness = new Readiness(),
): Promise<RunningProcess & { port: number }> {
  const metrics = new Metrics(NAME);
  const { natsUrl, logReplicas: replicas } = config;
  const opened = await openEventLog({ natsUrl, replicas, name: NAME, logger, metrics });
  const pool = createPool({ url: config.databaseUrl, name: NAME, logger });
  const door = openDoor(config, { logger, readiness });
  readiness.check('nats', () => {
    if (!opened.connected()) throw new Error('disconnected');
  });
  readiness.check('log', async () => void (await opened.log.bounds()));

  const commandMetrics = declareCommandMetrics(metrics);
  const { log, snapshots } = opened;
  const lookup = new ReadModelLookup(pool, log.epoch);
  const context = { log, snapshots, metrics: commandMetrics, logger, now: Date.now };
  const cursors = new CursorAdvance(new CursorWriter(log, commandMetrics, Date.now), lookup);
  const executor = new CommandExecutor(createWriters(context, lookup), cursors);
  const handler = new CommandHandler(context, executor);
  const app = await door.createServer({ name: NAME, bodyLimitBytes: MAX_REQUEST_BYTES, metrics });
  addDocsPages(app, commandPages());
  addCommandRoutes(app, handler, door.rateLimiter);
  addSessionRoutes(app, door.revocations);
  const port = await listen(app, config);
  return {
    port,
    async stop() {
      await app.close();
      await opened.close();
      await pool.end();
      door.close();
    },
  };
}
