import { queryPages } from '@parley/contracts/docs';
import {
  addDocsPages,
  type Config,
  createPool,
  type Logger,
  listen,
  Metrics,
  openDoor,
  Readiness,
  type RunningProcess,
} from '@parley/runtime';
import type { readApiVariables } from './config.ts';
import { LogReader } from './log-reader.ts';
import { addQueryRoutes } from './routes.ts';
import { PositionWatch } from './wait-for-position.ts';

const NAME = 'read-api';
/** Queries carry no body. */
const BODY_LIMIT_BYTES = 1_024;

/** Wires the process: everything it needs is opened here and closed, in reverse, by `stop`. */
export async function startReadApi(
  config: Config<typeof readApiVariables>,
  logger: Logger,
  readiness = new Readiness(),
): Promise<RunningProcess & { port: number }> {
  const metrics = new Metrics(NAME);
  const url = config.databaseUrl;
  const pool = createPool({ url, name: NAME, logger });
  const door = openDoor(config, { logger, readiness });
  readiness.check('read model', async () => {
    const { rowCount } = await pool.query('select 1 from read_model.checkpoints limit 1');
    if (!rowCount) throw new Error('no checkpoint yet: is the projector running?');
  });
  const app = await door.createServer({ name: NAME, bodyLimitBytes: BODY_LIMIT_BYTES, metrics });
  const positions = new PositionWatch({ pool, url, logger });
  const { natsUrl, logReplicas: replicas } = config;
  const reader = new LogReader({ natsUrl, replicas, name: NAME, logger });
  addDocsPages(app, queryPages());
  addQueryRoutes(app, { pool, positions, reader });
  const port = await listen(app, config);
  return {
    port,
    async stop() {
      await positions.close();
      await app.close();
      await reader.close();
      await pool.end();
      door.close();
    },
  };
}
