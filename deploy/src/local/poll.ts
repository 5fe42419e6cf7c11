import { setTimeout as delay } from 'node:timers/promises';

export interface PollOptions {
  what: string;
  timeoutMs: number;
  everyMs?: number;
}

/** Repeats `check` until it gives a value; throws, naming what was awaited, when the time is over. */
export async function poll<T>(
  check: () => Promise<T | undefined> | T | undefined,
  options: PollOptions,
): Promise<T> {
  const deadline = Date.now() + options.timeoutMs;
  for (;;) {
    const value = await check();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(`${options.what}: not within ${options.timeoutMs} ms`);
    await delay(options.everyMs ?? 10);
  }
}
