import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Side } from '../frame/interleave.ts';
import { Worker } from '../frame/worker.ts';
import type { ReadOrder } from './log-floor.ts';

const PARLEY = fileURLToPath(new URL('../../../cli/dist/main.js', import.meta.url));
const run = promisify(execFile);

interface Place {
  dir: string;
  natsUrl: string;
  commits: number;
  nodeArguments: readonly string[];
}

/** Commands that read the whole log, and the floors of those that only read it. All count from the start of a process. */
export function logSides(place: Place): Side[] {
  const { natsUrl } = place;
  return [
    timed('archive', place, (dir) => parley(place, ['archive', '--to', dir, '--nats', natsUrl, '--json'])),
    timed('gzip of the log', place, (dir) => floor(place, join(dir, 'log.gz'))),
    timed('export to parquet', place, (dir) =>
      parley(place, ['export', '--format', 'parquet', '--to', dir, '--nats', natsUrl, '--json']),
    ),
    timed('decoded log', place, () => floor(place)),
  ];
}

/** `parley verify` of the read model at this address. Throws when it is not what the log says. */
export async function verify(place: Place, databaseUrl: string): Promise<void> {
  await parley(place, ['verify', '--nats', place.natsUrl, '--postgres', databaseUrl, '--json']);
}

/** Commits a second of a command that ends well. */
export function timed(name: string, { dir, commits }: Place, work: (dir: string) => Promise<unknown>): Side {
  return {
    name,
    async run() {
      const folder = mkdtempSync(join(dir, 'out-'));
      const began = performance.now();
      try {
        await work(folder);
        const seconds = (performance.now() - began) / 1_000;
        return { seconds, commitsPerSecond: commits / seconds };
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  };
}

async function parley({ nodeArguments }: Place, args: readonly string[]): Promise<void> {
  await run(process.execPath, [...nodeArguments, PARLEY, ...args], { maxBuffer: 64 * 1024 * 1024 });
}

async function floor({ dir, natsUrl, commits, nodeArguments }: Place, file?: string): Promise<void> {
  const worker = Worker.start('rebuild/log-floor.js', { logFile: join(dir, 'log-floor.log'), nodeArguments });
  try {
    const order: ReadOrder = { natsUrl, commits, ...(file !== undefined && { file }) };
    await worker.call('read', order);
  } finally {
    await worker.stop();
  }
}
