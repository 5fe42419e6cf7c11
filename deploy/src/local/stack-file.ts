import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lockHolder } from './launcher-lock.ts';

export interface StackAddresses {
  commandApi: string;
  readApi: string;
  /** The socket's address, with its path. */
  gateway: string;
  issuer: string;
  nats: string;
  /** NATS for who reads the log and may do nothing else; with its password. */
  analytics: string;
  postgres: string;
  redis: string;
  docs: string;
  queryDocs: string;
}

/** What tools read from `.parley/stack.json`. */
export interface StackInfo extends StackAddresses {
  pids: Record<string, number>;
}

/** Readers see the old file or the new one; only the owner sees it, because it holds passwords. */
export function writeStackFile(dir: string, info: StackInfo): void {
  const file = stackFile(dir);
  const next = `${file}.${process.pid}`;
  writeFileSync(next, `${JSON.stringify(info, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(next, file);
}

export function removeStackFile(dir: string): void {
  rmSync(stackFile(dir), { force: true });
}

/** The stack that runs on this folder now; undefined when none does or it is still starting. */
export async function readStack(dir: string): Promise<StackInfo | undefined> {
  if (!(await lockHolder(dir))) return undefined;
  try {
    return JSON.parse(readFileSync(stackFile(dir), 'utf8')) as StackInfo;
  } catch {
    return undefined;
  }
}

function stackFile(dir: string): string {
  return join(dir, 'stack.json');
}
