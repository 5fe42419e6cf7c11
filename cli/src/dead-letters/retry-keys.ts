import { setTimeout as after } from 'node:timers/promises';
import { askForRetry, isProjected, listDeadLetters, type ParkedKey } from '@parley/projector';
import type { Pool } from 'pg';
import { Unavailable } from '../run-command.ts';

const LOOK_EVERY_MS = 200;

export interface RetryOutcome {
  key: string;
  /** Commits that were parked before and are applied or skipped now. */
  done: number;
  /** What is parked still; null = nothing. */
  left: ParkedKey | null;
}

/**
 * Asks the projector for the keys and waits until it has tried each, at most `patienceMs`. Throws Unavailable when no
 * projector runs or it does not get to it; the wish stays.
 */
export async function retryKeys(
  pool: Pool,
  keys: readonly ParkedKey[],
  { patienceMs, signal }: { patienceMs: number; signal: AbortSignal },
): Promise<RetryOutcome[]> {
  await askForRetry(
    pool,
    keys.map(({ key }) => key),
  );
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const now = new Map((await listDeadLetters(pool)).map((parked) => [parked.key, parked]));
    const waiting = keys.filter(({ key }) => now.get(key)?.retryWanted);
    if (waiting.length === 0) return keys.map((before) => outcomeOf(before, now.get(before.key) ?? null));
    if (!(await isProjected(pool))) {
      throw new Unavailable('No projector runs. What you asked for is kept: it happens when one starts.');
    }
    if (performance.now() > deadline) {
      throw new Unavailable(
        `The projector has not tried ${waiting.length} of ${keys.length} yet. What you asked for is kept; ` +
          'see `parley dead-letters list` and /health/ready of the projector.',
      );
    }
    await after(LOOK_EVERY_MS, undefined, { signal });
  }
}

function outcomeOf(before: ParkedKey, left: ParkedKey | null): RetryOutcome {
  return { key: before.key, done: Math.max(0, before.commits - (left?.commits ?? 0)), left };
}
