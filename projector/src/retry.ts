import { setTimeout as after } from 'node:timers/promises';

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5_000;

export interface RetryOptions {
  signal: AbortSignal;
  /** True for errors that repeating cannot mend: they are thrown at once. */
  isFinal(error: unknown): boolean;
  /** Told of each failure that will be retried. */
  onFailure(error: Error): void;
}

/** Repeats an attempt, waiting longer each time, until it succeeds, fails for good, or `signal` aborts. */
export async function retryForever<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
    try {
      return await attempt();
    } catch (error) {
      if (options.signal.aborted || options.isFinal(error)) throw error;
      options.onFailure(error as Error);
    }
    await after(waitMs * (0.5 + Math.random() / 2), undefined, { signal: options.signal });
  }
}
