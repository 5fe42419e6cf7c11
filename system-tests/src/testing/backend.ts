import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Issuer,
  type LocalServer,
  type NatsServer,
  startIssuer,
  startNats,
  startNatsCluster,
  startPostgres,
  startRedis,
  startService,
} from '@parley/deploy/testing';

declare module 'vitest' {
  interface ProvidedContext {
    /** The servers that `TEST_SERVICES` chose; tests that kill servers start private ones instead. */
    services: { mode: string; natsUrl: string; databaseUrl: string; redisUrl: string };
  }
}

const root = join(import.meta.dirname, '../../..');

export type ServiceName = 'projector' | 'command-api' | 'read-api' | 'realtime-gateway' | 'notifier';

/** Servers of this test file's own and as many processes of each service as it asks for. */
export interface Backend {
  readonly natsUrl: string;
  /** The servers of the log, for tests that end them; none when the servers are shared. */
  readonly nats: readonly NatsServer[];
  readonly issuer: Issuer;
  start(service: ServiceName, env?: Record<string, string>): Promise<LocalServer>;
  token(userId: string): Promise<string>;
  stop(): Promise<void>;
}

export interface BackendOptions {
  /** Servers of the NATS cluster, and replicas of the log. */
  replicas?: 1 | 3;
  /** Use these servers instead of private ones. */
  shared?: { natsUrl: string; databaseUrl: string; redisUrl: string };
}

export async function startBackend({ replicas = 1, shared }: BackendOptions = {}): Promise<Backend> {
  const dir = mkdtempSync(join(tmpdir(), 'parley-system-'));
  const stops: (() => Promise<void>)[] = [];
  const keep = <T extends { stop(): Promise<void> }>(started: T): T => {
    stops.push(() => started.stop());
    return started;
  };
  const servers = shared ? { ...shared, nats: [] } : await startServers(dir, replicas, keep);
  const issuer = keep(await startIssuer({ dir: join(dir, 'issuer') }));
  const tokens = new Map<string, Promise<string>>();
  const environment = {
    NATS_URL: servers.natsUrl,
    DATABASE_URL: servers.databaseUrl,
    REDIS_URL: servers.redisUrl,
    JWKS_URL: issuer.jwksUrl,
    JWT_ISSUER: issuer.issuer,
    JWT_AUDIENCE: issuer.audience,
    LOG_REPLICAS: String(replicas),
    LOG_LEVEL: 'info',
    PARLEY_MODE: 'local',
    PARLEY_LIMITS: 'off',
    TOKEN_URL: `${issuer.url}/token`,
    CLIENT_ID: 'parley-notifier',
    CLIENT_SECRET: 'local',
  };
  /** The notifier sends its commands to the command API that was started last. */
  let commandApiUrl = '';
  let count = 0;
  return {
    natsUrl: servers.natsUrl,
    nats: servers.nats,
    issuer,
    async start(service, env = {}) {
      const folder = join(dir, `${service}-${++count}`);
      mkdirSync(folder);
      const started = keep(
        await startService({
          name: service,
          script: join(root, service, 'dist/main.js'),
          readyMs: 60_000,
          env: { ...environment, COMMAND_API_URL: commandApiUrl, ...env },
          cwd: folder,
          logFile: join(folder, 'log'),
          pidFile: join(folder, 'pid'),
        }),
      );
      if (service === 'command-api') commandApiUrl = started.url;
      return started;
    },
    token(userId) {
      const known = tokens.get(userId);
      if (known) return known;
      const made = issuer.signer.sign({ sub: userId, ttlSeconds: 36_000 }).then(({ token }) => token);
      tokens.set(userId, made);
      return made;
    },
    async stop() {
      for (const stop of stops.reverse()) await stop().catch(() => undefined);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function startServers(
  dir: string,
  replicas: 1 | 3,
  keep: <T extends { stop(): Promise<void> }>(started: T) => T,
): Promise<{ natsUrl: string; nats: readonly NatsServer[]; databaseUrl: string; redisUrl: string }> {
  const [nats, postgres, redis] = await Promise.all([
    startLogServers(dir, replicas),
    startPostgres({ dir: join(dir, 'postgres'), fast: true }),
    startRedis({ dir: join(dir, 'redis') }),
  ]);
  keep(nats);
  keep(postgres);
  keep(redis);
  return { natsUrl: nats.url, nats: nats.servers, databaseUrl: postgres.url, redisUrl: redis.url };
}

async function startLogServers(
  dir: string,
  replicas: 1 | 3,
): Promise<{ url: string; servers: readonly NatsServer[]; stop(): Promise<void> }> {
  if (replicas === 3) return startNatsCluster({ dir: join(dir, 'nats') });
  const server = await startNats({ dir: join(dir, 'nats') });
  return { url: server.url, servers: [server], stop: () => server.stop() };
}

export interface CommandReply {
  status: number;
  body: Record<string, unknown> & { code?: string; position?: string; version?: number; replayed?: boolean };
  headers: Headers;
}

export async function sendCommand(
  api: { url: string },
  token: string,
  type: string,
  options: { key: string; data: unknown },
): Promise<CommandReply> {
  const response = await fetch(`${api.url}/v1/commands/${type}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'idempotency-key': options.key,
    },
    body: typeof options.data === 'string' ? options.data : JSON.stringify(options.data),
  });
  return {
    status: response.status,
    body: (await response.json()) as CommandReply['body'],
    headers: response.headers,
  };
}
