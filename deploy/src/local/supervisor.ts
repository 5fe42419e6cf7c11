import { setTimeout as delay } from 'node:timers/promises';
import type { LocalServer } from './server-process.ts';

export interface SupervisorOptions {
  name: string;
  server: LocalServer;
  /** It runs again, as another process. */
  onRestart(): void;
  /** It dies again and again. */
  onGiveUp(name: string): void;
}

export interface Supervisor {
  /** No restart from here on; waits for one that is under way. */
  release(): Promise<void>;
}

const window = 30_000;
const tooManyDeaths = 5;
const firstPause = 250;
const longestPause = 5_000;

/** Starts a server again when it ends by itself, ever more slowly; after five deaths in 30 s it gives up. */
export function supervise(options: SupervisorOptions): Supervisor {
  const released = new AbortController();
  const done = watch(options, released.signal);
  return {
    async release() {
      released.abort();
      await done;
    },
  };
}

async function watch(
  { name, server, onRestart, onGiveUp }: SupervisorOptions,
  released: AbortSignal,
): Promise<void> {
  let deaths: number[] = [];
  const aborted = new Promise<void>((resolve) =>
    released.addEventListener('abort', () => resolve(), { once: true }),
  );
  for (;;) {
    await Promise.race([server.exited(), aborted]);
    if (released.aborted) return;
    const now = Date.now();
    deaths = [...deaths, now].filter((time) => now - time < window);
    if (deaths.length >= tooManyDeaths) return onGiveUp(name);
    await Promise.race([
      delay(pause(deaths.length), undefined, { signal: released }).catch(() => {}),
      aborted,
    ]);
    if (released.aborted) return;
    // One that dies before it is ready has ended, which the next round sees and counts.
    await server.restart().then(onRestart, () => {});
  }
}

export function pause(deaths: number): number {
  return Math.min(longestPause, firstPause * 2 ** (deaths - 1));
}
