import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { executable } from './binary.ts';
import type { Child } from './child.ts';
import { findPostgres } from './find-postgres.ts';
import { poll } from './poll.ts';
import { withPort } from './ports.ts';
import { ensureCluster, postgresDatabase, postgresEnvironment, postgresUser } from './postgres-init.ts';
import { type PostgresPlace, postgresPlace } from './postgres-place.ts';
import { postgresSettings } from './postgres-settings.ts';
import { isAlive, isOurs } from './process-identity.ts';
import type { Report } from './report.ts';
import { type LocalServer, launch, lifecycle } from './server-process.ts';
import { SetupError } from './setup-error.ts';
import { storedSecret } from './stored-secret.ts';

export interface PostgresOptions {
  /** Password, log and, where the server's account can reach it, the data live here. */
  dir: string;
  port?: number;
  preferPort?: number;
  /** For tests: no fsync. A crash of the machine may destroy the data; a crash of the process does not. */
  fast?: boolean;
  logFile?: string;
  pidFile?: string;
  detached?: boolean;
  report?: Report;
}

export interface PostgresServer extends LocalServer {
  /** The database `postgres` as the superuser: databases are created from here. */
  readonly adminUrl: string;
  readonly dataDir: string;
  readonly version: string;
  urlOf(database: string): string;
}

interface Start {
  place: PostgresPlace;
  port: number;
  options: PostgresOptions;
}

export async function startPostgres(wish: PostgresOptions): Promise<PostgresServer> {
  const options = { ...wish, dir: resolve(wish.dir) };
  const binaries = await findPostgres();
  const place = await postgresPlace(options.dir, binaries);
  const password = storedSecret(join(options.dir, 'password'));
  await ensureCluster({ place, major: binaries.major, password, fast: options.fast ?? false });
  await disownStalePid(place.dataDir);
  return withPort(options, async (port) => {
    const start = () => startProcess({ place, port, options });
    const life = lifecycle(await start(), start, { signal: 'SIGINT', graceMs: 60_000 });
    const urlOf = (database: string) =>
      `postgres://${postgresUser}:${password}@127.0.0.1:${port}/${database}`;
    return {
      ...life,
      url: urlOf(postgresDatabase),
      adminUrl: urlOf('postgres'),
      urlOf,
      port,
      dataDir: place.dataDir,
      version: binaries.version,
      get pid() {
        return life.pid();
      },
    };
  });
}

/** Backends of a killed postmaster need a moment to see that it is gone; until then a new one is refused. */
function startProcess(start: Start): Promise<Child> {
  return poll(
    () =>
      launchOnce(start).catch((error: unknown) => {
        if (error instanceof Error && /pre-existing shared memory block/.test(error.message))
          return undefined;
        throw error;
      }),
    { what: 'the processes of a killed Postgres to end', timeoutMs: 20_000, everyMs: 50 },
  );
}

function launchOnce({ place, port, options }: Start): Promise<Child> {
  const { dataDir, binDir, account } = place;
  return launch({
    name: 'postgres',
    command: join(binDir, executable('postgres')),
    args: ['-D', dataDir, ...postgresSettings({ port, fast: options.fast ?? false })],
    env: postgresEnvironment(),
    cwd: dirname(dataDir),
    logFile: options.logFile ?? join(options.dir, 'postgres.log'),
    pidFile: options.pidFile,
    detached: options.detached,
    ...account,
    // Long enough for the recovery of a big log after a crash.
    readyMs: 120_000,
    ready: async (child) => isReady(dataDir, child.pid),
  });
}

/** The server writes its pid and state into its own data folder: that is who it is, whatever the port says. */
function isReady(dataDir: string, pid: number): true | undefined {
  const lines = pidFileLines(dataDir);
  return Number(lines[0]) === pid && lines[7]?.trim() === 'ready' ? true : undefined;
}

/**
 * After a crash the pid in the file may belong to any program, and Postgres would refuse to start. It ignores the pid
 * of its own parent, so that is written over it. Removing the file would also remove the check that no process of the
 * old server is still at the data.
 */
async function disownStalePid(dataDir: string): Promise<void> {
  const lines = pidFileLines(dataDir);
  const pid = Number(lines[0]);
  if (!pid || !isAlive(pid)) return;
  if (await isOurs(pid, [dataDir])) {
    throw new SetupError(`Postgres already runs on ${dataDir} as process ${pid}. Stop it: kill -INT ${pid}`);
  }
  writeFileSync(join(dataDir, 'postmaster.pid'), [process.pid, ...lines.slice(1)].join('\n'));
}

function pidFileLines(dataDir: string): string[] {
  const file = join(dataDir, 'postmaster.pid');
  try {
    return existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
  } catch {
    // Removed between the two calls.
    return [];
  }
}
