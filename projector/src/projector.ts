import { setTimeout as after } from 'node:timers/promises';
import {
  createOperatorServer,
  isPostgresAway,
  type Logger,
  listen,
  Metrics,
  openEventLog,
  Readiness,
  type RunningProcess,
} from '@parley/runtime';
import type { ProjectorConfig } from './config.ts';
import { declareProjectorMetrics } from './metrics.ts';
import { migrateReadModel } from './migrate.ts';
import { Projection } from './projection.ts';
import { openReadModel } from './read-model.ts';
import { dropExpiredPrevious } from './rebuild/drop-expired-previous.ts';
import { LANES } from './run-lanes.ts';

/** A lane writes on one connection and looks versions up on another. */
const CONNECTIONS = 2 * LANES;
/** Folding a large batch holds the event loop longer than an answering service may. */
const LONGEST_STEP_MS = 10_000;
const MIGRATE_PATIENCE_MS = 60_000;
const MIGRATE_AGAIN_MS = 500;
const EXPIRE_EVERY_MS = 3_600_000;

export interface RunningProjector extends RunningProcess {
  /** Where health and metrics answer. */
  port: number;
}

/**
 * Migrates the read model's tables, then folds the log into them until stopped. Rejects when the log or Postgres
 * cannot be had at the start; later losses are waited out, and told by /health/ready.
 */
export async function startProjector(
  config: ProjectorConfig,
  logger: Logger,
  readiness = new Readiness(),
): Promise<RunningProjector> {
  const { natsUrl, logReplicas: replicas, databaseUrl, host, port } = config;
  const metrics = new Metrics('projector');
  const projectorMetrics = declareProjectorMetrics(metrics);
  await migratePatiently(databaseUrl, logger);
  const { log, connected, close } = await openEventLog({
    natsUrl,
    replicas,
    name: 'projector',
    logger,
    metrics,
  });
  const pool = openReadModel({ databaseUrl, connections: CONNECTIONS, name: 'parley-projector', logger });
  const projection = new Projection({ log, pool, databaseUrl, metrics: projectorMetrics, logger });
  const expire = () => void expirePrevious(databaseUrl, logger);
  expire();
  const expiring = setInterval(expire, EXPIRE_EVERY_MS).unref();
  readiness.check('log', () => {
    if (!connected()) throw new Error('not connected to NATS');
  });
  readiness.check('projection', () => {
    if (projection.fault !== null) throw new Error(projection.fault);
  });
  const app = await createOperatorServer({
    name: 'projector',
    logger,
    metrics,
    readiness,
    maxLoopDelayMs: LONGEST_STEP_MS,
  });
  const stop = async () => {
    clearInterval(expiring);
    await projection.stop();
    await Promise.all([app.close(), pool.end(), close()]);
  };
  try {
    return { port: await listen(app, { host, port }), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What a rebuild replaced is disk space, and no reason for the projector to fail. */
async function expirePrevious(databaseUrl: string, logger: Logger): Promise<void> {
  try {
    if (await dropExpiredPrevious(databaseUrl))
      logger.info('dropped the previous read model: its time is over');
  } catch (error) {
    logger.warn({ error }, 'the previous read model could not be dropped, trying again in an hour');
  }
}

/** Postgres may still be starting beside this process. */
async function migratePatiently(databaseUrl: string, logger: Logger): Promise<void> {
  const deadline = Date.now() + MIGRATE_PATIENCE_MS;
  for (;;) {
    try {
      return await migrateReadModel(databaseUrl);
    } catch (error) {
      if (!mayPass(error) || Date.now() > deadline) throw error;
      logger.warn({ error }, 'Postgres is not there yet, trying again');
    }
    await after(MIGRATE_AGAIN_MS);
  }
}

function mayPass(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    isPostgresAway(error) || ('code' in error && ['ECONNREFUSED', 'ECONNRESET'].includes(String(error.code)))
  );
}
