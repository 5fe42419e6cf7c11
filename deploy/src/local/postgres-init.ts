import { randomBytes } from 'node:crypto';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { executable } from './binary.ts';
import type { PostgresPlace } from './postgres-place.ts';
import { type RunResult, run } from './run.ts';
import { SetupError } from './setup-error.ts';

export const postgresUser = 'parley';
export const postgresDatabase = 'parley';

export interface NewCluster {
  place: PostgresPlace;
  major: number;
  password: string;
  fast: boolean;
}

/** Makes the data folder with one database in it. It gets its name only when whole, so a killed start leaves none. */
export async function ensureCluster(wish: NewCluster): Promise<void> {
  const { dataDir } = wish.place;
  if (existsSync(dataDir)) return requireSameMajor(dataDir, wish.major);
  removeUnfinished(dataDir);
  const unfinished = `${dataDir}.new-${randomBytes(4).toString('hex')}`;
  mkdirSync(unfinished, { mode: 0o700 });
  own(unfinished, wish.place);
  await initialise(unfinished, wish);
  await createDatabase(unfinished, wish);
  renameSync(unfinished, dataDir);
}

/** The environment of every Postgres process: no setting of the caller's Postgres client, one locale. */
export function postgresEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('PG'));
  return { ...Object.fromEntries(kept), LC_ALL: 'C', TZ: 'UTC' };
}

async function initialise(folder: string, { place, major, password, fast }: NewCluster): Promise<void> {
  const passwordFile = `${folder}.password`;
  writeFileSync(passwordFile, password, { mode: 0o600 });
  own(passwordFile, place);
  const args = [
    ...['-D', folder, '-U', postgresUser, '-A', 'scram-sha-256', `--pwfile=${passwordFile}`],
    ...['-E', 'UTF8', ...locale(major), '--no-instructions'],
    ...(fast ? ['--no-sync'] : []),
  ];
  const done = await runAs(place, 'initdb', args);
  rmSync(passwordFile, { force: true });
  if (!done.ok) throw new Error(`initdb failed in ${folder}\n${done.stdout}${done.stderr}`);
}

/** In single-user mode, because not every installation has a client program. */
async function createDatabase(folder: string, { place, fast }: NewCluster): Promise<void> {
  const args = ['--single', ...(fast ? ['-F'] : []), '-D', folder, 'postgres'];
  const done = await runAs(place, 'postgres', args, `CREATE DATABASE ${postgresDatabase}\n`);
  if (!done.ok || /ERROR|FATAL/.test(done.stderr)) {
    throw new Error(`postgres could not create its first database\n${done.stdout}${done.stderr}`);
  }
}

function runAs(place: PostgresPlace, program: string, args: string[], input = ''): Promise<RunResult> {
  const env = postgresEnvironment();
  // Not the caller's folder, which the other account may not be able to enter.
  const cwd = dirname(place.dataDir);
  return run(join(place.binDir, executable(program)), args, { env, cwd, input, ...place.account });
}

/** Upper and lower case of every script, the same on every machine. Before 17 only the C library knows them. */
function locale(major: number): string[] {
  if (major >= 17) return ['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C'];
  return [process.platform === 'linux' ? '--locale=C.UTF-8' : '--locale=C'];
}

function requireSameMajor(dataDir: string, major: number): void {
  const made = Number.parseInt(readFileSync(join(dataDir, 'PG_VERSION'), 'utf8'), 10);
  if (made === major) return;
  throw new SetupError(
    `The data in ${dataDir} was written by Postgres ${made}, but Postgres ${major} was found. ` +
      `Set POSTGRES_BIN_DIR to the folder of a Postgres ${made}, or start empty: npm start -- --reset`,
  );
}

function own(path: string, place: PostgresPlace): void {
  if (place.account) chownSync(path, place.account.uid, place.account.gid);
}

function removeUnfinished(dataDir: string): void {
  const parent = dirname(dataDir);
  const unfinished = readdirSync(parent).filter((name) => name.startsWith(`${basename(dataDir)}.new-`));
  for (const name of unfinished) rmSync(join(parent, name), { recursive: true, force: true });
}
