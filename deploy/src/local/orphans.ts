import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { poll } from './poll.ts';
import { isOurs } from './process-identity.ts';
import type { Report } from './report.ts';

export interface Orphan {
  name: string;
  pid: number;
}

/** Stops what a killed launcher left, services before servers; a recorded pid that is another program's is left alone. */
export async function stopOrphans(pidDir: string, paths: readonly string[], report: Report): Promise<void> {
  const orphans = await findOrphans(pidDir, paths);
  if (orphans.length > 0) {
    report(`stopping what a killed launcher left: ${orphans.map(({ name }) => name).join(', ')}`);
  }
  for (const group of inStopOrder(orphans)) {
    await Promise.all(group.map((orphan) => stopOrphan(orphan, paths)));
  }
  rmSync(pidDir, { recursive: true, force: true });
}

export async function findOrphans(pidDir: string, paths: readonly string[]): Promise<Orphan[]> {
  if (!existsSync(pidDir)) return [];
  const recorded = readdirSync(pidDir).map((name) => ({
    name,
    pid: Number(readFileSync(join(pidDir, name), 'utf8')),
  }));
  const ours = await Promise.all(recorded.map(({ pid }) => pid > 1 && isOurs(pid, paths)));
  return recorded.filter((_orphan, index) => ours[index]);
}

function inStopOrder(orphans: Orphan[]): Orphan[][] {
  const servers = ['redis', 'nats', 'postgres'];
  const services = orphans.filter(({ name }) => !servers.includes(name));
  return [services, ...servers.map((server) => orphans.filter(({ name }) => name === server))];
}

async function stopOrphan({ name, pid }: Orphan, paths: readonly string[]): Promise<void> {
  signal(pid, name === 'postgres' ? 'SIGINT' : 'SIGTERM');
  const gone = async () => ((await isOurs(pid, paths)) ? undefined : true);
  const what = `process ${pid} (${name}) to end`;
  await poll(gone, { what, timeoutMs: 10_000 }).catch(() => signal(pid, 'SIGKILL'));
  await poll(gone, { what, timeoutMs: 10_000 });
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
