import { setTimeout as after } from 'node:timers/promises';
import type { Logger } from '@parley/runtime';

export interface Rounds {
  /** Why the last round failed, or null. */
  readonly trouble: string | null;
  /** Ends after the round in progress. */
  stop(): Promise<void>;
}

/** Does a piece of work again and again, with a pause between the rounds; a round that fails is told and passed over. */
export function startRounds(options: {
  name: string;
  pauseMs: number;
  logger: Logger;
  round(): Promise<unknown>;
}): Rounds {
  const { name, pauseMs, logger, round } = options;
  const stopped = new AbortController();
  let trouble: string | null = null;
  const run = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      try {
        await round();
        trouble = null;
      } catch (error) {
        trouble = `${name}: ${error instanceof Error ? error.message : String(error)}`;
        logger.warn({ err: error }, `${name}: this round failed, the next one goes on`);
      }
      await after(pauseMs, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  };
  const done = run();
  return {
    get trouble() {
      return trouble;
    },
    stop() {
      stopped.abort();
      return done;
    },
  };
}
