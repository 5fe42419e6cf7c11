import {
  type Authenticator,
  createHttpServer,
  type FastifyInstance,
  type Logger,
  type Metrics,
  ProblemError,
  type RateLimiter,
  type Readiness,
} from '@parley/runtime';

/** The projector has no users: no token is good here, and there is nothing to limit. */
const nobody: Authenticator = {
  verify: () => Promise.reject(new ProblemError('unauthenticated')),
  ready: () => Promise.resolve(),
};
const unlimited: RateLimiter = {
  enabled: false,
  consume: () => Promise.resolve({ allowed: true, retryAfterMs: 0, limit: 0, remaining: 0, resetMs: 0 }),
};
const BODY_LIMIT_BYTES = 1024;

/** Health and metrics over HTTP. */
export function createOperatorServer(options: {
  logger: Logger;
  metrics: Metrics;
  readiness: Readiness;
}): Promise<FastifyInstance> {
  return createHttpServer({
    ...options,
    name: 'projector',
    corsOrigins: [],
    bodyLimitBytes: BODY_LIMIT_BYTES,
    authenticator: nobody,
    rateLimiter: unlimited,
    // Folding a large batch holds the event loop longer than an answering service may.
    maxLoopDelayMs: 10_000,
  });
}
