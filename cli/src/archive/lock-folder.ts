import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { Unavailable } from '../run-command.ts';

interface Holder {
  pid: number;
  host: string;
}

/**
 * Two runs into one folder would each write a manifest that names only its own segments. A killed run's lock is taken
 * over when its process is gone. Returns what gives the folder free.
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, 'archive.lock');
  const mine = join(folder, `archive.lock.${process.pid}.tmp`);
  const holder: Holder = { pid: process.pid, host: hostname() };
  // Linked when it is complete, so that nobody ever reads half a lock.
  await writeFile(mine, JSON.stringify(holder));
  try {
    if (!(await linked(mine, path))) {
      await refuseLiving(path);
      await rm(path, { force: true });
      if (!(await linked(mine, path))) await refuseLiving(path);
    }
  } finally {
    await rm(mine, { force: true });
  }
  return () => rm(path, { force: true });
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

async function refuseLiving(path: string): Promise<void> {
  const { pid, host }: Holder = JSON.parse(await readFile(path, 'utf8'));
  if (host === hostname() && !isAlive(pid)) return;
  throw new Unavailable(
    `Process ${pid} on ${host} archives into this folder. Wait for it; if there is no such run, delete ${path}.`,
  );
}

/** The first process of a container that was started again has the number of the one that was killed: its own. */
function isAlive(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
