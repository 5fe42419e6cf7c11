import { ContinuityLost, type EventLog, type Logger, type Subscription } from '@parley/runtime';
import type { Pool } from 'pg';
import type { GatewayConfig } from './config.ts';
import { FlushRound } from './flush-round.ts';
import { Hub } from './hub.ts';
import { LearnRules } from './learn-rules.ts';
import type { GatewayMetrics } from './metrics.ts';

const MAX_RING_COMMITS = 200_000;

export interface FollowedLog {
  hub: Hub;
  round: FlushRound;
  subscription: Subscription;
  /** What the log held when this process began to follow it. */
  startTail: number;
  /** Resolves with the reason when following ends before `close`. */
  ended: Promise<unknown>;
  failed(): boolean;
  close(): Promise<void>;
}

/** One subscription for the whole process, from some way before the end so that the ring is warm. */
export async function followLog(parts: {
  log: EventLog;
  pool: Pool;
  config: GatewayConfig;
  measured: GatewayMetrics;
  logger: Logger;
}): Promise<FollowedLog> {
  const { log, pool, config, measured, logger } = parts;
  const { first, last } = await log.bounds();
  const after = Math.max(first - 1, last - config.warmCommits);
  const limits = { maxBytes: config.ringBytes, maxCommits: MAX_RING_COMMITS };
  const rules = new LearnRules(pool, logger, (conversationId, learnt) => {
    hub.audience.learnRules({ conversationId, rules: learnt });
  });
  const hub = new Hub(after, limits, {
    unknownRules: (conversationId, version) => rules.ask(conversationId, version),
    gap: (missing) => measured.gaps.inc(missing),
    unreadable(sequence, error) {
      measured.unreadable.inc();
      logger.error({ error, sequence }, 'a commit cannot be read');
    },
  });
  const subscription = log.subscribe({ afterSequence: after });
  let state: 'following' | 'failed' | 'closed' = 'following';
  const ended = new Promise<unknown>((resolve) => {
    void (async () => {
      try {
        for await (const records of subscription) hub.accept(records);
        if (state === 'closed') return;
        state = 'failed';
        resolve(new ContinuityLost('truncated', 'the subscription ended'));
      } catch (error) {
        state = 'failed';
        resolve(error);
      }
    })();
  });
  return {
    hub,
    round: new FlushRound(),
    subscription,
    startTail: last,
    ended,
    failed: () => state === 'failed',
    async close() {
      state = 'closed';
      rules.stop();
      await subscription.close();
    },
  };
}
