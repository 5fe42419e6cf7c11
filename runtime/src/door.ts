import type { FastifyInstance } from 'fastify';
import { type Authenticator, createAuthenticator } from './auth.ts';
import type { Config } from './config.ts';
import { createHttpServer } from './http.ts';
import type { Logger } from './log.ts';
import type { Metrics } from './metrics.ts';
import { createRateLimiter, type RateLimiter } from './rate-limit.ts';
import type { Readiness } from './readiness.ts';
import { connectRedis, type Redis } from './redis.ts';
import { createRevocationList, type RevocationList } from './revocation.ts';
import type { authVariables, httpVariables, redisVariables } from './variables.ts';

type DoorConfig = Config<typeof authVariables & typeof redisVariables & typeof httpVariables>;

/** What every service asks of a request before it does anything: who sends it, and whether that is too often. */
export interface Door {
  authenticator: Authenticator;
  rateLimiter: RateLimiter;
  revocations: RevocationList;
  redis: Redis;
  /** A server with this door in front of every route. */
  createServer(options: { name: string; bodyLimitBytes: number; metrics: Metrics }): Promise<FastifyInstance>;
  close(): void;
}

/** The same door for each service, as its configuration says. Redis may be away: then limits count per process. */
export function openDoor(
  config: DoorConfig,
  { logger, readiness }: { logger: Logger; readiness: Readiness },
): Door {
  const redis = connectRedis({ url: config.redisUrl, logger });
  const revocations = createRevocationList({ redis, logger });
  const authenticator = createAuthenticator({
    jwksUrl: config.jwksUrl,
    issuer: config.jwtIssuer,
    audience: config.jwtAudience,
    isRevoked: (principal) => revocations.isRevoked(principal),
  });
  const rateLimiter = createRateLimiter({
    redis,
    enabled: config.limits === 'on',
    logger,
    commandsPerMinute: config.rateCommandsPerMinute,
    queriesPerMinute: config.rateQueriesPerMinute,
  });
  readiness.check('issuer', () => authenticator.ready());
  const { corsOrigins, trustedProxies } = config;
  const fixed = { corsOrigins, trustedProxies, logger, readiness, authenticator, rateLimiter };
  return {
    authenticator,
    rateLimiter,
    revocations,
    redis,
    createServer: (options) => createHttpServer({ ...fixed, ...options }),
    close: () => redis.disconnect(),
  };
}
