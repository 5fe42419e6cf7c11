import { LRUCache } from 'lru-cache';
import type { Principal } from './auth.ts';
import type { Logger } from './log.ts';
import type { Redis } from './redis.ts';

const PREFIX = 'parley:revoked:';
/** A revoked session is refused everywhere within this time. */
const CACHE_MS = 800;
const CACHED_SESSIONS = 50_000;
const LOG_EVERY_MS = 10_000;

export interface RevocationList {
  /** For `createAuthenticator`. While Redis is away nobody counts as revoked. */
  isRevoked(principal: Principal): Promise<boolean>;
  /** Refuses a session from now on; `ttlSeconds` must reach past the expiry of its last token. */
  revoke(sessionId: string, ttlSeconds: number): Promise<void>;
}

/** Revoked sessions in Redis. Asked at most once in 0.8 s per session and process. */
export function createRevocationList(options: { redis: Redis; logger: Logger }): RevocationList {
  const { redis, logger } = options;
  const recent = new LRUCache<string, Promise<boolean>>({
    max: CACHED_SESSIONS,
    ttl: CACHE_MS,
    ttlResolution: 50,
  });
  let silentUntil = 0;

  const ask = async (sessionId: string): Promise<boolean> => {
    try {
      return (await redis.exists(PREFIX + sessionId)) === 1;
    } catch (error) {
      if (Date.now() >= silentUntil) {
        silentUntil = Date.now() + LOG_EVERY_MS;
        logger.warn({ error }, 'revocations cannot be read: no session counts as revoked');
      }
      return false;
    }
  };

  return {
    isRevoked({ sessionId }) {
      let answer = recent.get(sessionId);
      if (answer === undefined) {
        answer = ask(sessionId);
        recent.set(sessionId, answer);
      }
      return answer;
    },
    async revoke(sessionId, ttlSeconds) {
      await redis.set(PREFIX + sessionId, '1', 'EX', ttlSeconds);
      recent.delete(sessionId);
    },
  };
}
