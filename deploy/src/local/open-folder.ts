import { createHash } from 'node:crypto';
import { chmodSync, existsSync, lstatSync, mkdirSync, realpathSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { withParents } from './account.ts';
import { repoRoot } from './repo-root.ts';
import { SetupError } from './setup-error.ts';

/** A folder of this checkout that every account can enter, for what may not stay in the repository. */
export function openFolder(): string {
  const base = existsSync('/var/tmp') ? '/var/tmp' : tmpdir();
  const folder = join(base, `parley-${shortHash(repoRoot())}`);
  if (!existsSync(folder)) mkdirSync(folder, { mode: 0o755 });
  // Anybody may create names there: what we did not make ourselves is not to be trusted.
  const { uid, mode } = lstatSync(folder);
  if (!lstatSync(folder).isDirectory() || uid !== process.getuid?.() || (mode & 0o022) !== 0) {
    throw new SetupError(`${folder} was made by somebody else. Remove it: sudo rm -rf ${folder}`);
  }
  chmodSync(folder, 0o755);
  return folder;
}

export function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

/** Test folders below the system's temporary one are made 0700; root's server, run as another account, must pass. */
export function openTemporary(folder: string): void {
  const temporary = realpathSync(tmpdir()) + sep;
  for (const each of withParents(realpathSync(folder))) {
    if (!each.startsWith(temporary)) return;
    const { mode, uid } = statSync(each);
    if (uid === process.getuid?.()) chmodSync(each, (mode & 0o7777) | 0o011);
  }
}
