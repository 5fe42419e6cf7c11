import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type NatsServer, startNats } from './nats.ts';
import { type PostgresServer, startPostgres } from './postgres.ts';
import { type RedisServer, startRedis } from './redis.ts';
import type { Report } from './report.ts';
import type { LocalServer } from './server-process.ts';
import { startService } from './service.ts';
import { localAudience, localIssuer } from './token-signer.ts';

/** Where one stack is and how it is set. */
export interface StackSettings {
  root: string;
  dir: string;
  limits: 'on' | 'off';
  env: Record<string, string>;
  report: Report;
  abort?: AbortSignal | undefined;
}

export interface Servers {
  nats: NatsServer;
  postgres: PostgresServer;
  redis: RedisServer;
}

/** Told of each process as soon as it runs, so that a start that fails half way can be undone. */
export type Started = (name: string, server: LocalServer) => void;

const services = {
  projector: 4004,
  'command-api': 4001,
  'read-api': 4002,
  'realtime-gateway': 4003,
  notifier: 4006,
};

export type ServiceName = keyof typeof services;

const issuerPort = 4005;
/** What `parley analytics add local` makes: a user's permissions name a consumer in full, there is no pattern for some. */
const analyticsConsumer = 'analytics_local';
// Run from its source (by a test runner) this file still starts the built one.
const built = import.meta.url.endsWith('.ts') ? '../../dist/issuer-main.js' : '../issuer-main.js';
const issuerScript = fileURLToPath(new URL(built, import.meta.url));

export function serviceScript(root: string, name: ServiceName): string {
  return join(root, name, 'dist', 'main.js');
}

/** By these paths in its command line a process is known to be of this stack. */
export function processPaths(settings: StackSettings, postgresData: string | undefined): string[] {
  const names = Object.keys(services) as ServiceName[];
  const scripts = names.map((name) => serviceScript(settings.root, name));
  return [settings.dir, ...scripts, ...(postgresData ? [postgresData] : [])];
}

export async function startServers(settings: StackSettings, started: Started): Promise<Servers> {
  const { dir, report } = settings;
  const common = (name: string) => ({
    dir: join(dir, name),
    ...files(dir, name),
    detached: true,
    report,
  });
  const results = await Promise.allSettled([
    announce('nats', startNats({ ...common('nats'), preferPort: 4222, analyticsConsumer }), started),
    announce('postgres', startPostgres({ ...common('postgres'), preferPort: 5432 }), started),
    announce('redis', startRedis({ ...common('redis'), preferPort: 6379 }), started),
  ]);
  const [nats, postgres, redis] = results;
  if (nats.status === 'fulfilled' && postgres.status === 'fulfilled' && redis.status === 'fulfilled') {
    return { nats: nats.value, postgres: postgres.value, redis: redis.value };
  }
  throw results.find((each) => each.status === 'rejected')?.reason;
}

export function startIssuerProcess(settings: StackSettings, started: Started): Promise<LocalServer> {
  const issuer = startService({
    name: 'issuer',
    script: issuerScript,
    args: [join(settings.dir, 'issuer')],
    preferPort: issuerPort,
    env: {},
    cwd: settings.root,
    abort: settings.abort,
    ...files(settings.dir, 'issuer'),
  });
  return announce('issuer', issuer, started);
}

export function startNamedService(
  settings: StackSettings,
  name: ServiceName,
  env: Record<string, string>,
  started: Started,
): Promise<LocalServer> {
  const service = startService({
    name,
    script: serviceScript(settings.root, name),
    preferPort: services[name],
    env,
    cwd: settings.root,
    abort: settings.abort,
    ...files(settings.dir, name),
  });
  return announce(name, service, started);
}

/** The contract between the launcher and every service; HOST and PORT are each service's own. */
export function serviceEnvironment(
  settings: StackSettings,
  servers: Servers,
  issuer: LocalServer,
): Record<string, string> {
  return {
    NATS_URL: servers.nats.url,
    DATABASE_URL: servers.postgres.url,
    REDIS_URL: servers.redis.url,
    JWKS_URL: `${issuer.url}/.well-known/jwks.json`,
    JWT_ISSUER: localIssuer,
    JWT_AUDIENCE: localAudience,
    LOG_LEVEL: process.env.LOG_LEVEL ?? 'info',
    CORS_ORIGINS: process.env.CORS_ORIGINS ?? 'http://localhost:5173,http://127.0.0.1:5173',
    LOG_REPLICAS: '1',
    PARLEY_MODE: 'local',
    PARLEY_LIMITS: settings.limits,
    ...settings.env,
  };
}

/** What the notifier needs beyond that, once the command API has its port. */
export function notifierEnvironment(commandApi: LocalServer, issuer: LocalServer): Record<string, string> {
  return {
    COMMAND_API_URL: commandApi.url,
    TOKEN_URL: `${issuer.url}/token`,
    CLIENT_ID: 'parley-notifier',
    CLIENT_SECRET: 'local',
  };
}

function files(dir: string, name: string): { logFile: string; pidFile: string } {
  return { logFile: join(dir, 'logs', `${name}.log`), pidFile: join(dir, 'pids', name) };
}

async function announce<T extends LocalServer>(
  name: string,
  start: Promise<T>,
  started: Started,
): Promise<T> {
  const server = await start;
  started(name, server);
  return server;
}
