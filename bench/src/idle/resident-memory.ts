import { readFileSync } from 'node:fs';
import { setTimeout as after } from 'node:timers/promises';

/** A signal that no service gives another meaning, and that ends nothing. */
const COLLECT = 'SIGWINCH';
/** For a process whose memory is compared: it collects its garbage when it is told to. */
export const COLLECT_ON_SIGNAL: readonly string[] = [
  '--expose-gc',
  `--import=data:text/javascript,${encodeURIComponent(`process.on('${COLLECT}', () => gc())`)}`,
];

const SETTLE_MS = 300;
const SETTLED_BYTES = 256 * 1024;
const MAX_ROUNDS = 40;

/**
 * Bytes resident after garbage was collected again and again until three times in a row nothing more was given back.
 * NaN where there is no /proc.
 */
export async function settledMemory(pid: number): Promise<number> {
  if (process.platform !== 'linux') return Number.NaN;
  let lowest = Number.POSITIVE_INFINITY;
  let quiet = 0;
  for (let round = 0; round < MAX_ROUNDS && quiet < 3; round++) {
    process.kill(pid, COLLECT);
    await after(SETTLE_MS);
    const resident = residentBytes(pid);
    quiet = resident > lowest - SETTLED_BYTES ? quiet + 1 : 0;
    lowest = Math.min(lowest, resident);
  }
  return lowest;
}

function residentBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) * 1_024;
}
