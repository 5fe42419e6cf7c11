// Brings the route rule and `request.principal` into fastify's types.
import './route-rule.ts';

export type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
export {
  type Authenticator,
  type AuthenticatorOptions,
  createAuthenticator,
  type Principal,
} from './auth.ts';
export {
  type Config,
  ConfigError,
  describeVariables,
  loadConfig,
  loadConfigOrExit,
  maskCredentials,
  type Variable,
  type VariableRow,
  type Variables,
} from './config.ts';
export { addDocsPages } from './docs-pages.ts';
export { type Door, openDoor } from './door.ts';
export {
  type AppendOutcome,
  type AppendRequest,
  type CommitRecord,
  ContinuityLost,
  type EventLog,
  LogUnavailable,
  type SnapshotStore,
  type SubscribeOptions,
  type Subscription,
} from './event-log.ts';
export { createHttpServer, type HttpServerOptions, listen } from './http.ts';
export { type OpenLog, type OpenLogOptions, openEventLog } from './jetstream/open.ts';
export { completeFrom, raiseCompleteFrom } from './jetstream/topology.ts';
export { type HeldLease, type Lease, type LeaseStore, LeasesUnavailable } from './leases.ts';
export { type ProcessOptions, type RunningProcess, runProcess } from './lifecycle.ts';
export { createLogger, type Logger } from './log.ts';
export { MemoryEventLog, MemorySnapshotStore } from './memory/event-log.ts';
export { type DeclaredMetric, type MetricOptions, Metrics } from './metrics.ts';
export { createOperatorServer } from './operator-server.ts';
export { fieldFaults, parse } from './parse.ts';
export { createPool, isPostgresAway, isPostgresRefusing, type PoolOptions } from './postgres.ts';
export { ProblemError } from './problem-error.ts';
export { toProblem } from './problem-mapping.ts';
export {
  createRateLimiter,
  type LimitKind,
  type RateLimiter,
  type RateLimiterOptions,
  type RateVerdict,
} from './rate-limit.ts';
export { type LogRange, readRange } from './read-range.ts';
export { Readiness } from './readiness.ts';
export { connectRedis, type Redis } from './redis.ts';
export { openRedisLeases } from './redis-leases.ts';
export { createRevocationList, type RevocationList } from './revocation.ts';
export type { Signals } from './signals.ts';
export {
  authVariables,
  choice,
  httpVariables,
  integer,
  logVariables,
  postgresVariables,
  processVariables,
  redisVariables,
  serviceVariables,
} from './variables.ts';
