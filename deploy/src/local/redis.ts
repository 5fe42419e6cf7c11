import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Binary } from './binary.ts';
import { findRedis } from './find-redis.ts';
import { withPort } from './ports.ts';
import { redisProcessId } from './redis-probe.ts';
import { type Report, silent } from './report.ts';
import { type LocalServer, launch, lifecycle } from './server-process.ts';
import { storedSecret } from './stored-secret.ts';

export interface RedisOptions {
  /** Configuration, log and data live here. */
  dir: string;
  port?: number;
  preferPort?: number;
  logFile?: string;
  pidFile?: string;
  detached?: boolean;
  report?: Report;
}

export interface RedisServer extends LocalServer {
  readonly password: string;
}

export async function startRedis(options: RedisOptions): Promise<RedisServer> {
  const binary = await findRedis(options.report ?? silent);
  mkdirSync(join(options.dir, 'data'), { recursive: true });
  return withPort(options, (port) => startOn(port, options, binary));
}

async function startOn(port: number, options: RedisOptions, binary: Binary): Promise<RedisServer> {
  const password = storedSecret(join(options.dir, 'password'));
  const configFile = join(options.dir, 'redis.conf');
  writeFileSync(configFile, redisConfig(port, password, join(options.dir, 'data')), { mode: 0o600 });
  const start = () =>
    launch({
      name: 'redis-server',
      command: binary.path,
      args: [configFile],
      env: { ...process.env, ...binary.env },
      logFile: options.logFile ?? join(options.dir, 'redis.log'),
      pidFile: options.pidFile,
      detached: options.detached,
      readyMs: 30_000,
      ready: async (child) => ((await redisProcessId(port, password)) === child.pid ? true : undefined),
    });
  const life = lifecycle(await start(), start, { signal: 'SIGTERM', graceMs: 20_000 });
  return {
    ...life,
    url: `redis://:${password}@127.0.0.1:${port}`,
    port,
    password,
    get pid() {
      return life.pid();
    },
  };
}

/** In a file, because every user of the machine can read a command line. */
function redisConfig(port: number, password: string, data: string): string {
  return [
    'bind 127.0.0.1',
    `port ${port}`,
    `requirepass ${password}`,
    'daemonize no',
    `dir ${JSON.stringify(data)}`,
    'appendonly yes',
    'save ""',
    // The command line keeps naming this file, by which an orphan is known.
    'set-proc-title no',
    '',
  ].join('\n');
}
