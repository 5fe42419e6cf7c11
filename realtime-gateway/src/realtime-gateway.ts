import { availableParallelism } from 'node:os';
import { type CloseCode, SOCKET_PATH } from '@parley/contracts';
import {
  type Authenticator,
  createPool,
  type EventLog,
  type Logger,
  listen,
  Metrics,
  openDoor,
  openEventLog,
  Readiness,
  type RunningProcess,
} from '@parley/runtime';
import type { Pool } from 'pg';
import type { GatewayConfig } from './config.ts';
import { Connections } from './connections.ts';
import { type FollowedLog, followLog } from './follow-log.ts';
import { declareMetrics, type GatewayMetrics } from './metrics.ts';
import { readGoneTexts } from './read-gone-texts.ts';
import { readMembership } from './read-membership.ts';
import { Resumer } from './resume-feed.ts';
import { acceptSockets } from './websocket.ts';

const NAME = 'realtime-gateway';
const REPLAYS_PER_CORE = 8;
const REPLAY_PAGE_BYTES = 128 * 1024;
/** Nothing is posted to the gateway: its HTTP side only answers operators. */
const BODY_LIMIT_BYTES = 1_024;

/** Stopping: not ready, then clients are sent away over the drain time, then everything is closed. */
export interface RealtimeGateway extends RunningProcess {
  port: number;
  /** `ws://…/v1/socket` */
  url: string;
}

/** Starts the gateway and resolves when it listens; it is ready once it holds the end of the log. */
export async function startRealtimeGateway(
  config: GatewayConfig,
  logger: Logger,
  readiness = new Readiness(),
): Promise<RealtimeGateway> {
  const metrics = new Metrics(NAME);
  const measured = declareMetrics(metrics);
  const { natsUrl, logReplicas: replicas } = config;
  const opened = await openEventLog({ natsUrl, replicas, name: NAME, logger, metrics });
  const pool = createPool({ url: config.databaseUrl, name: NAME, logger });
  const door = openDoor(config, { logger, readiness });
  const { authenticator } = door;
  const tail = await followLog({ log: opened.log, pool, config, measured, logger });
  const connections = createConnections({ tail, log: opened.log, pool, authenticator, logger, measured });
  addReadinessChecks(readiness, { connected: opened.connected, tail });
  const app = await door.createServer({ name: NAME, bodyLimitBytes: BODY_LIMIT_BYTES, metrics });
  const sockets = acceptSockets(app.server, {
    allowedOrigins: config.corsOrigins,
    maxSockets: config.maxSockets,
    accept: (socket) => connections.open(socket),
  });
  const port = await listen(app, config);
  return {
    port,
    url: `ws://${config.host}:${port}${SOCKET_PATH}`,
    async stop() {
      readiness.stopping();
      sockets.stopAccepting();
      await connections.drain(config.drainMs);
      connections.stop();
      sockets.terminate();
      await app.close();
      await tail.close();
      await Promise.allSettled([opened.close(), pool.end()]);
      door.close();
    },
  };
}

function createConnections(parts: {
  tail: FollowedLog;
  log: EventLog;
  pool: Pool;
  authenticator: Authenticator;
  logger: Logger;
  measured: GatewayMetrics;
}): Connections {
  const { tail, log, pool, authenticator, logger, measured } = parts;
  const { hub, round, subscription } = tail;
  const resumer = new Resumer({
    hub,
    log,
    memberships: (userId, since) => readMembership(pool, userId, since),
    goneTexts: (asked) => readGoneTexts(pool, asked),
    observer: {
      replayed: (outcome) => measured.resumes.inc({ outcome }),
      reset: (reason) => measured.resets.inc({ reason }),
    },
    slots: REPLAYS_PER_CORE * availableParallelism(),
    pageBytes: REPLAY_PAGE_BYTES,
  });
  const observer = {
    delivered: (commits: number) => measured.delivered.inc(commits),
    closed: (code: CloseCode | 'by-client') => measured.closes.inc({ code }),
  };
  const connections = new Connections({
    shared: { hub, round, epoch: log.epoch, resumer, authenticator, logger, observer },
    onTick({ sockets, queuedBytes }) {
      measured.sockets.set(sockets);
      measured.queueBytes.set(queuedBytes);
      measured.ringBytes.set(hub.ring.bytes);
      measured.waiting.set(resumer.waiting);
      measured.lag.set(Math.max(0, subscription.head() - hub.tail));
    },
  });
  void tail.ended.then((error) => {
    logger.error({ error }, 'the log cannot be followed any further: all sockets are closed');
    connections.closeAll({ kind: 'continuity-lost' });
  });
  return connections;
}

function addReadinessChecks(
  readiness: Readiness,
  parts: { connected: () => boolean; tail: FollowedLog },
): void {
  readiness.check('log', () => {
    if (!parts.connected()) throw new Error('not connected');
    if (parts.tail.failed()) throw new Error('continuity is lost: restart this process');
    const missing = parts.tail.startTail - parts.tail.hub.tail;
    if (missing > 0) throw new Error(`${missing} commits to read before the end of the log`);
  });
}
