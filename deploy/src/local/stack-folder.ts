import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { runsAsRoot } from './account.ts';
import { removePostgresData } from './postgres-place.ts';
import { SetupError } from './setup-error.ts';

export function prepareFolder(dir: string): void {
  mkdirSync(dir, { recursive: true });
  requireOwn(dir);
}

/** Deletes the data and keeps the fetched programs and the lock, which the caller holds. */
export function emptyFolder(dir: string): void {
  removePostgresData(join(dir, 'postgres'));
  for (const name of readdirSync(dir)) {
    if (name !== 'bin' && !name.startsWith('lock')) rmSync(join(dir, name), { recursive: true, force: true });
  }
}

/** The log of this run begins empty; the one before is kept as `<name>.log.1`. */
export function rotateLogs(logDir: string): void {
  mkdirSync(logDir, { recursive: true });
  for (const name of readdirSync(logDir).filter((each) => each.endsWith('.log'))) {
    renameSync(join(logDir, name), join(logDir, `${name}.1`));
  }
}

function requireOwn(dir: string): void {
  if (runsAsRoot() || process.platform === 'win32') return;
  const entries = readdirSync(dir).filter((name) => name !== 'bin');
  const foreign = [dir, ...entries.map((name) => join(dir, name))].find((path) => {
    const owner = statSync(path, { throwIfNoEntry: false })?.uid;
    return owner !== undefined && owner !== process.getuid?.();
  });
  if (!foreign) return;
  throw new SetupError(
    `${foreign} belongs to another user: the stack ran as root here. Run it as that user again, or take it over:\n` +
      `  sudo chown -R "$(id -un)" "${dir}"`,
  );
}
