import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { Logger } from './log.ts';
import type { Redis } from './redis.ts';

const WINDOW_S = 60;
const DEFAULT_COMMANDS = 600;
const DEFAULT_QUERIES = 1_200;
/** Refused tokens of one address in a minute before it is told to wait. */
const FAILURES = 60;

export type LimitKind = 'commands' | 'queries' | 'failures';

export interface RateVerdict {
  allowed: boolean;
  /** Milliseconds until a request is allowed again; 0 when this one is. */
  retryAfterMs: number;
  limit: number;
  remaining: number;
  /** Milliseconds until the whole limit is there again. */
  resetMs: number;
}

export interface RateLimiter {
  readonly enabled: boolean;
  /** Takes points (1 unless told: a batch takes one per command). Never rejects and never waits for a dead Redis. */
  consume(kind: LimitKind, key: string, points?: number): Promise<RateVerdict>;
}

export interface RateLimiterOptions {
  redis: Redis;
  enabled: boolean;
  logger: Logger;
  commandsPerMinute?: number;
  queriesPerMinute?: number;
}

/**
 * Points per user and minute, counted in Redis and so over all processes; per process while Redis is away. The window
 * starts with a key's first request: the whole limit may be spent at once.
 */
export function createRateLimiter(options: RateLimiterOptions): RateLimiter {
  const { redis, enabled, logger, commandsPerMinute, queriesPerMinute } = options;
  const limiters = {
    commands: shared(redis, 'commands', commandsPerMinute ?? DEFAULT_COMMANDS),
    queries: shared(redis, 'queries', queriesPerMinute ?? DEFAULT_QUERIES),
    // Guards this process's own time, and a flood of bad tokens must not become a flood of Redis commands.
    failures: new RateLimiterMemory({ keyPrefix: 'failures', points: FAILURES, duration: WINDOW_S }),
  };
  if (!enabled) logger.warn('rate limits are off');
  return {
    enabled,
    async consume(kind, key, points = 1) {
      const limiter = limiters[kind];
      if (!enabled) return open(limiter.points);
      try {
        return verdict(true, limiter.points, await limiter.consume(key, points));
      } catch (refused) {
        if (refused instanceof RateLimiterRes) return verdict(false, limiter.points, refused);
        logger.error({ error: refused }, 'the rate limiter failed: the request is let through');
        return open(limiter.points);
      }
    },
  };
}

function shared(redis: Redis, kind: LimitKind, points: number): RateLimiterRedis {
  return new RateLimiterRedis({
    storeClient: redis,
    keyPrefix: `parley:rate:${kind}`,
    points,
    duration: WINDOW_S,
    rejectIfRedisNotReady: true,
    // A key that has spent everything is refused from memory until its window ends.
    inMemoryBlockOnConsumed: points + 1,
    insuranceLimiter: new RateLimiterMemory({ keyPrefix: kind, points, duration: WINDOW_S }),
  });
}

function verdict(allowed: boolean, limit: number, state: RateLimiterRes): RateVerdict {
  const resetMs = Math.max(0, state.msBeforeNext);
  return { allowed, retryAfterMs: allowed ? 0 : resetMs, limit, remaining: state.remainingPoints, resetMs };
}

function open(limit: number): RateVerdict {
  return { allowed: true, retryAfterMs: 0, limit, remaining: limit, resetMs: 0 };
}
