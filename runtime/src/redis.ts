import { Redis } from 'ioredis';
import type { Logger } from './log.ts';

export type { Redis } from 'ioredis';

const CONNECT_TIMEOUT_MS = 2_000;
/** A frozen Redis delays one round of commands by this much; then the connection is given up. */
const SILENCE_MS = 500;
const MAX_RETRY_MS = 1_000;

/**
 * A Redis client that never makes a caller wait for a dead server: while it is away every command rejects at once, and
 * the connection is retried in the background for ever. Nothing is resent, so a rejected command may have run.
 */
export function connectRedis(options: { url: string; logger: Logger }): Redis {
  const redis = new Redis(options.url, {
    connectTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: SILENCE_MS,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    enableAutoPipelining: true,
    retryStrategy: (attempt) =>
      Math.min(50 * 2 ** Math.min(attempt, 10), MAX_RETRY_MS) * (0.5 + Math.random() / 2),
  });
  let away = false;
  redis.on('error', (error) => {
    if (!away) options.logger.warn({ error }, 'Redis is away: rate limits per process, revocations not seen');
    away = true;
  });
  redis.on('ready', () => {
    if (away) options.logger.info('Redis is back');
    away = false;
  });
  return redis;
}
