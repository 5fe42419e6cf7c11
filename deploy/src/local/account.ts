import { statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { run } from './run.ts';

/** The operating system account that a server runs as. */
export interface Account {
  uid: number;
  gid: number;
}

export function runsAsRoot(): boolean {
  return process.getuid?.() === 0;
}

/** Postgres refuses root, and an account that the system does not know. */
export async function nobody(): Promise<Account> {
  const [uid, gid] = await Promise.all([run('id', ['-u', 'nobody']), run('id', ['-g', 'nobody'])]);
  if (!uid.ok || !gid.ok) return { uid: 65534, gid: 65534 };
  // macOS prints -2 as 4294967294; the system call takes it as a signed number.
  return { uid: Number(uid.stdout) | 0, gid: Number(gid.stdout) | 0 };
}

/** Can the account go through every folder down to this one, and into it? */
export function reachable(folder: string, account: Account): boolean {
  return withParents(folder).every((each) => mayEnter(each, account));
}

/** From the folder up to the root. */
export function withParents(folder: string): string[] {
  const found: string[] = [];
  for (let each = resolve(folder); ; each = dirname(each)) {
    found.push(each);
    if (dirname(each) === each) return found;
  }
}

function mayEnter(folder: string, { uid, gid }: Account): boolean {
  const { mode, uid: owner, gid: group } = statSync(folder);
  if (owner === uid) return (mode & 0o100) !== 0;
  return (mode & (group === gid ? 0o010 : 0o001)) !== 0;
}
