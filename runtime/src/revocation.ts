import { LRUCache } from 'lru-cache';
import type { Principal } from './auth.ts';
import type { Logger } from './log.ts';
import type { Redis } from './redis.ts';

const PREFIX = 'parley:revoked:';
/** Every revocation, for those who hold sessions open. */
const STREAM = 'parley:revocations';
const STREAM_ENTRIES = 10_000;
/** A revoked session is refused everywhere within this time. */
const CACHE_MS = 800;
const CACHED_SESSIONS = 50_000;
const LOG_EVERY_MS = 10_000;
const POLL_MS = 500;
const POLL_ENTRIES = 1_000;
const SESSIONS_AT_ONCE = 1_000;
/** Rounds in which all open sessions are asked about after an outage: longer together than an answer is kept. */
const DOUBTFUL_ROUNDS = 3;

export interface RevocationList {
  /** For `createAuthenticator`. While Redis is away nobody counts as revoked. */
  isRevoked(principal: Principal): Promise<boolean>;
  /** Whether a revocation of the session has come by lately; only while followed. */
  hasSeen(sessionId: string): boolean;
  /** Refuses a session from now on; `ttlSeconds` must reach past the expiry of its last token. */
  revoke(sessionId: string, ttlSeconds: number): Promise<void>;
  /**
   * Tells of each open session that is revoked, within 1 s; after an outage of Redis once it is back. Resolves when it
   * has begun, or Redis turned out to be away, to what ends it.
   */
  follow(followed: FollowedSessions): Promise<() => void>;
}

interface FollowedSessions {
  /** The sessions that are open now. */
  open(): Iterable<string>;
  /** May name sessions that are not open, and one several times. */
  revoked(sessionId: string): void;
}

/** Revoked sessions in Redis. Asked at most once in 0.4 s per session and process; no answer older than 0.8 s counts. */
export function createRevocationList(options: { redis: Redis; logger: Logger }): RevocationList {
  const { redis, logger } = options;
  const recent = new LRUCache<string, Promise<boolean>>({
    max: CACHED_SESSIONS,
    ttl: CACHE_MS,
    ttlResolution: 50,
  });
  const seen = new LRUCache<string, true>({ max: CACHED_SESSIONS });
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
    async isRevoked({ sessionId }) {
      let answer = recent.get(sessionId);
      // Asked anew before it is too old, so that who sends now and then waits for Redis once, not each time.
      if (answer === undefined || recent.getRemainingTTL(sessionId) < CACHE_MS / 2) {
        const newer = ask(sessionId);
        recent.set(sessionId, newer);
        answer ??= newer;
      }
      return (await answer) || seen.has(sessionId);
    },
    hasSeen: (sessionId) => seen.has(sessionId),
    async revoke(sessionId, ttlSeconds) {
      const told = ['MAXLEN', '~', STREAM_ENTRIES, '*', 'session', sessionId] as const;
      const done = await redis
        .multi()
        .set(PREFIX + sessionId, '1', 'EX', ttlSeconds)
        .xadd(STREAM, ...told)
        .exec();
      const fault = done?.find(([error]) => error)?.[0];
      if (fault) throw fault;
      recent.delete(sessionId);
    },
    async follow({ open, revoked }) {
      const follower = new Follower(redis, open, (sessionId) => {
        seen.set(sessionId, true);
        revoked(sessionId);
      });
      await follower.round();
      const timer = setInterval(() => void follower.round(), POLL_MS);
      return () => {
        clearInterval(timer);
        follower.stop();
      };
    },
  };
}

/** Reads the stream from where it ended at the start. Whenever something may have been missed, it asks about all. */
class Follower {
  readonly #redis: Redis;
  readonly #open: () => Iterable<string>;
  readonly #revoked: (sessionId: string) => void;
  readonly #mistrust = (): void => {
    this.#after = null;
  };
  /** The newest entry that was read; null when this is not known of the server that answers now. */
  #after: string | null = null;
  #doubtful = 0;
  #busy = false;

  constructor(redis: Redis, open: () => Iterable<string>, revoked: (sessionId: string) => void) {
    this.#redis = redis;
    this.#open = open;
    this.#revoked = revoked;
    // Another server, or the same with less in it, may be behind the new connection.
    redis.on('ready', this.#mistrust);
  }

  stop(): void {
    this.#redis.off('ready', this.#mistrust);
  }

  async round(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      this.#after ??= await this.#begin();
      await this.#read(this.#after);
      if (this.#doubtful > 0) await this.#askAll();
    } catch {
      // The client logs that Redis is away; the next round tries again.
      this.#after = null;
    } finally {
      this.#busy = false;
    }
  }

  async #begin(): Promise<string> {
    this.#doubtful = DOUBTFUL_ROUNDS;
    const [newest] = await this.#redis.xrevrange(STREAM, '+', '-', 'COUNT', 1);
    return newest?.[0] ?? '0-0';
  }

  async #read(after: string): Promise<void> {
    for (let at = after; ; ) {
      const answer = await this.#redis.xread('COUNT', POLL_ENTRIES, 'STREAMS', STREAM, at);
      const entries = answer?.[0]?.[1] ?? [];
      for (const [, fields] of entries) if (fields[1] !== undefined) this.#revoked(fields[1]);
      at = entries.at(-1)?.[0] ?? at;
      // Not when the connection is a new one since: then where to read from must be asked anew.
      if (this.#after !== null) this.#after = at;
      if (entries.length < POLL_ENTRIES) return;
    }
  }

  async #askAll(): Promise<void> {
    this.#doubtful -= 1;
    const sessions = [...new Set(this.#open())];
    for (let from = 0; from < sessions.length; from += SESSIONS_AT_ONCE) {
      const some = sessions.slice(from, from + SESSIONS_AT_ONCE);
      const answers = await this.#redis.mget(some.map((sessionId) => PREFIX + sessionId));
      for (const [index, sessionId] of some.entries()) {
        if (answers[index] !== null) this.#revoked(sessionId);
      }
    }
  }
}
