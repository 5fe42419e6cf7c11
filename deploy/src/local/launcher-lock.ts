import { linkSync, mkdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startedAt } from './process-identity.ts';

export interface Holder {
  pid: number;
  /** Tells the holder from a later process with its pid. */
  started: string;
}

export type Lock = { held: true; release(): void } | { held: false; holder: Holder };

/** One launcher per folder. The lock of a killed launcher is taken over. */
export async function takeLock(dir: string): Promise<Lock> {
  const file = join(dir, 'lock');
  const own: Holder = { pid: process.pid, started: (await startedAt(process.pid)) ?? '' };
  for (;;) {
    if (createWhole(file, JSON.stringify(own)))
      return { held: true, release: () => rmSync(file, { force: true }) };
    const holder = readHolder(file);
    if (holder && (await isRunning(holder))) return { held: false, holder };
    await removeStale(file);
  }
}

export async function lockHolder(dir: string): Promise<Holder | undefined> {
  const holder = readHolder(join(dir, 'lock'));
  return holder && (await isRunning(holder)) ? holder : undefined;
}

/** A link appears with its content or not at all, and never replaces a file. */
function createWhole(file: string, text: string): boolean {
  const own = `${file}.${process.pid}`;
  writeFileSync(own, text);
  try {
    linkSync(own, file);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(own, { force: true });
  }
}

/** Alone, and looking again: else two launchers could each remove the lock that the other just took. */
async function removeStale(file: string): Promise<void> {
  const guard = `${file}.takeover`;
  try {
    mkdirSync(guard);
  } catch {
    if (isOld(guard)) rmSync(guard, { recursive: true, force: true });
    await delay(20);
    return;
  }
  try {
    const holder = readHolder(file);
    if (!holder || !(await isRunning(holder))) rmSync(file, { force: true });
  } finally {
    rmdirSync(guard);
  }
}

function isOld(guard: string): boolean {
  const made = statSync(guard, { throwIfNoEntry: false })?.mtimeMs;
  return made !== undefined && Date.now() - made > 10_000;
}

async function isRunning(holder: Holder): Promise<boolean> {
  return (await startedAt(holder.pid)) === holder.started;
}

function readHolder(file: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}
