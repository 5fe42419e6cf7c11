import type { FastifyInstance } from 'fastify';
import type { Authenticator } from './auth.ts';
import { createHttpServer } from './http.ts';
import type { Logger } from './log.ts';
import type { Metrics } from './metrics.ts';
import { ProblemError } from './problem-error.ts';
import type { RateLimiter } from './rate-limit.ts';
import type { Readiness } from './readiness.ts';

/** A process without users: no token is good here, and there is nothing to limit. */
const nobody: Authenticator = {
  verify: () => Promise.reject(new ProblemError('unauthenticated')),
  ready: () => Promise.resolve(),
};
const unlimited: RateLimiter = {
  enabled: false,
  consume: () => Promise.resolve({ allowed: true, retryAfterMs: 0, limit: 0, remaining: 0, resetMs: 0 }),
};
const BODY_LIMIT_BYTES = 1024;

/** Health and metrics over HTTP, for processes that serve nobody else. */
export function createOperatorServer(options: {
  name: string;
  logger: Logger;
  metrics: Metrics;
  readiness: Readiness;
  /** As for `createHttpServer`; a process that works in long steps answers late without being overloaded. */
  maxLoopDelayMs?: number;
}): Promise<FastifyInstance> {
  return createHttpServer({
    ...options,
    corsOrigins: [],
    bodyLimitBytes: BODY_LIMIT_BYTES,
    authenticator: nobody,
    rateLimiter: unlimited,
  });
}
