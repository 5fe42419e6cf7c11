import { availableParallelism } from 'node:os';
import { type CloseCode, SOCKET_PATH } from '@parley/contracts';
import {
  createPool,
  type Door,
  type EventLog,
  type LeaseStore,
  type Logger,
  listen,
  Metrics,
  openDoor,
  openEventLog,
  openRedisLeases,
  Readiness,
  type RunningProcess,
  type Signals,
} from '@parley/runtime';
import type { Pool } from 'pg';
import type { GatewayConfig } from './config.ts';
import { Connections } from './connections.ts';
import { ConversationFollower } from './follow-conversation.ts';
import { type FollowedLog, followLog } from './follow-log.ts';
import type { Hub } from './hub.ts';
import { declareMetrics, type GatewayMetrics } from './metrics.ts';
import { changedPrivacy } from './presence/changed-privacy.ts';
import { Presence } from './presence/presence.ts';
import { readPrivacy } from './presence/read-privacy.ts';
import { readAccess } from './read-access.ts';
import { type AskedTexts, readGoneTexts } from './read-gone-texts.ts';
import { MembershipReader } from './read-membership.ts';
import { Resumer } from './resume-feed.ts';
import { Typing } from './typing.ts';
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
  const tail = await followLog({ log: opened.log, pool, config, measured, logger });
  const leases = config.presence === 'nats' ? await opened.openLeases() : openRedisLeases(door.redis);
  const presence = createPresence({ leases, signals: opened.signals, pool, logger, measured });
  tail.hub.onUserCommit = (item) => {
    for (const user of changedPrivacy(item)) presence.factsChanged(user);
  };
  const typing = new Typing({ hub: tail.hub, signals: opened.signals });
  const parts = { tail, log: opened.log, signals: opened.signals, pool, door, presence, typing };
  const connections = createConnections({ ...parts, config, logger, measured });
  const stopFollowing = await connections.followRevocations();
  addReadinessChecks(readiness, { connected: opened.connected, tail });
  const app = await door.createServer({ name: NAME, bodyLimitBytes: BODY_LIMIT_BYTES, metrics });
  const sockets = acceptSockets(app.server, {
    allowedOrigins: config.corsOrigins,
    trustedProxies: config.trustedProxies,
    maxSockets: config.maxSockets,
    maxGreetingPerAddress: config.limits === 'on' ? config.maxGreetingPerAddress : config.maxSockets,
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
      stopFollowing();
      connections.stop();
      sockets.terminate();
      typing.stop();
      await presence.stop();
      await app.close();
      await tail.close();
      await Promise.allSettled([opened.close(), pool.end()]);
      door.close();
    },
  };
}

function createPresence(parts: {
  leases: LeaseStore;
  signals: Signals;
  pool: Pool;
  logger: Logger;
  measured: GatewayMetrics;
}): Presence {
  const { pool, measured, ...rest } = parts;
  return new Presence({
    ...rest,
    privacy: (users, watchersOf) => readPrivacy(pool, users, watchersOf),
    observer: {
      leasesWritten: (leases) => measured.presenceLeases.inc(leases),
      usersRead: (users) => measured.presenceReads.inc(users),
      usersAnnounced: (users) => measured.presenceAnnounced.inc(users),
      frameSent: () => measured.presenceFrames.inc(),
    },
  });
}

/** What reads history for sockets: both wait in one line, since it is the same log and read model that they ask. */
function createReplays(parts: { hub: Hub; log: EventLog; pool: Pool; measured: GatewayMetrics }): {
  resumer: Resumer;
  follower: ConversationFollower;
} {
  const { hub, log, pool, measured } = parts;
  const goneTexts = (asked: AskedTexts) => readGoneTexts(pool, asked);
  const shared = { hub, log, goneTexts, pageBytes: REPLAY_PAGE_BYTES };
  const memberships = new MembershipReader(pool);
  const resumer = new Resumer({
    ...shared,
    memberships: (userId, since) => memberships.read(userId, since),
    observer: {
      replayed: (outcome) => measured.resumes.inc({ outcome }),
      reset: (reason) => measured.resets.inc({ reason }),
    },
    slots: REPLAYS_PER_CORE * availableParallelism(),
  });
  const follower = new ConversationFollower({
    ...shared,
    access: (asked) => readAccess(pool, asked),
    line: resumer.line,
  });
  return { resumer, follower };
}

function createConnections(parts: {
  tail: FollowedLog;
  log: EventLog;
  signals: Signals;
  pool: Pool;
  door: Door;
  presence: Presence;
  typing: Typing;
  config: GatewayConfig;
  logger: Logger;
  measured: GatewayMetrics;
}): Connections {
  const { tail, log, signals, pool, door, presence, typing, config, logger, measured } = parts;
  const { hub, round, subscription } = tail;
  const { resumer, follower } = createReplays({ hub, log, pool, measured });
  const observer = {
    closed: (code: CloseCode | 'by-client') => measured.closes.inc({ code }),
  };
  const connections = new Connections({
    shared: { hub, round, epoch: log.epoch, resumer, follower, presence, typing, door, logger, observer },
    maxSocketsPerUser: config.maxSocketsPerUser,
    signals,
    onTick({ sockets, queuedBytes }) {
      measured.sockets.set(sockets);
      measured.delivered.inc(round.takeDelivered());
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
