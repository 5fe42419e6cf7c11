import { setTimeout as after } from 'node:timers/promises';

/** What a run waits for; rejects after `deadlineMs`: a lost message must end the bench, not hang it. */
export async function inTime<T>(work: Promise<T>, deadlineMs: number): Promise<T> {
  const abort = new AbortController();
  const late = after(deadlineMs, undefined, { signal: abort.signal }).then(() => {
    throw new Error(`not every message arrived within ${deadlineMs} ms`);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    late.catch(() => undefined);
    abort.abort();
  }
}
