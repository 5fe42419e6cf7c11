import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { type Account, nobody, reachable, runsAsRoot } from './account.ts';
import type { PostgresBinaries } from './find-postgres.ts';
import { openFolder, openTemporary, shortHash } from './open-folder.ts';
import { SetupError } from './setup-error.ts';

/** Where a Postgres runs, and as whom. */
export interface PostgresPlace {
  dataDir: string;
  binDir: string;
  /** Set when the launcher is root: Postgres refuses to run as root. */
  account?: Account;
}

export async function postgresPlace(dir: string, binaries: PostgresBinaries): Promise<PostgresPlace> {
  mkdirSync(dir, { recursive: true });
  const dataDir = existingData(dir);
  if (!runsAsRoot()) {
    requireOwnData(dir, dataDir);
    return { dataDir: dataDir ?? join(dir, 'data'), binDir: binaries.binDir };
  }
  const account = (dataDir && ownerOf(dataDir)) || (await nobody());
  openTemporary(dir);
  return {
    dataDir: dataDir ?? newDataDir(dir, account),
    binDir: reachableBinaries(binaries, account),
    account,
  };
}

/** The data that was made for this folder earlier, here or where the pointer says. */
export function existingData(dir: string): string | undefined {
  const inside = join(dir, 'data');
  if (existsSync(inside)) return inside;
  const pointer = join(dir, 'data-location');
  const outside = existsSync(pointer) ? readFileSync(pointer, 'utf8').trim() : undefined;
  return outside && existsSync(outside) ? outside : undefined;
}

/** Also what lies outside the folder; the folder itself stays. */
export function removePostgresData(dir: string): void {
  const data = existingData(dir);
  if (data) rmSync(data, { recursive: true, force: true });
  rmSync(join(dir, 'data-location'), { force: true });
}

function newDataDir(dir: string, account: Account): string {
  if (reachable(dir, account)) return join(dir, 'data');
  const outside = join(openFolder(), `data-${shortHash(resolve(dir))}`);
  writeFileSync(join(dir, 'data-location'), outside);
  return outside;
}

function ownerOf(dataDir: string): Account | undefined {
  const { uid, gid } = statSync(dataDir);
  return uid === 0 ? undefined : { uid, gid };
}

function requireOwnData(dir: string, dataDir: string | undefined): void {
  if (!dataDir || process.platform === 'win32' || statSync(dataDir).uid === process.getuid?.()) return;
  throw new SetupError(
    `The Postgres data in ${dataDir} was written by another user (root?). Run as that user, or take it over:\n` +
      `  sudo chown -R "$(id -un)" "${dir}" "${dataDir}"`,
  );
}

function reachableBinaries(binaries: PostgresBinaries, account: Account): string {
  const { binDir, portableRoot, version } = binaries;
  if (reachable(binDir, account)) return binDir;
  if (portableRoot) return join(copyOnce(portableRoot, join(openFolder(), `postgres-${version}`)), 'bin');
  throw new SetupError(
    `Postgres may not run as root, and user ${account.uid} can't reach ${binDir}. ` +
      'Run as a normal user, or set POSTGRES_BIN_DIR to a folder that every user can enter.',
  );
}

function copyOnce(from: string, to: string): string {
  if (existsSync(to)) return to;
  const folder = mkdtempSync(`${to}.copy-`);
  const copy = join(folder, 'native');
  cpSync(from, copy, { recursive: true, verbatimSymlinks: true });
  try {
    renameSync(copy, to);
  } catch (error) {
    // Another launcher was first; its copy is as good.
    if (!existsSync(to)) throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return to;
}
