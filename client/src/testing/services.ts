import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Issuer, startIssuer, startNats, startPostgres, startRedis } from '@parley/deploy/testing';

const ROOT = new URL('../../../', import.meta.url);

interface Service {
  port: number;
  /** kill -9, then started again on the same port; resolves when it is ready. */
  restart(): Promise<void>;
}

/** The real services, each its own process, built before. */
export interface Services {
  issuer: Issuer;
  commandApi: Service;
  readApi: Service;
  gateway: Service;
  projector: Service;
  stop(): Promise<void>;
}

/** `corsOrigins`: the pages that may use them from a browser. */
export async function startServices({ corsOrigins = '' } = {}): Promise<Services> {
  const dir = mkdtempSync(join(tmpdir(), 'parley-client-'));
  const [nats, postgres, redis, issuer] = await Promise.all([
    startNats({ dir: join(dir, 'nats') }),
    startPostgres({ dir: join(dir, 'postgres'), fast: true }),
    startRedis({ dir: join(dir, 'redis') }),
    startIssuer({ dir: join(dir, 'issuer') }),
  ]);
  const environment = {
    NATS_URL: nats.url,
    DATABASE_URL: postgres.url,
    REDIS_URL: redis.url,
    JWKS_URL: issuer.jwksUrl,
    JWT_ISSUER: issuer.issuer,
    JWT_AUDIENCE: issuer.audience,
    PARLEY_MODE: 'local',
    PARLEY_LIMITS: 'off',
    LOG_LEVEL: 'error',
    GATEWAY_DRAIN_MS: '0',
    CORS_ORIGINS: corsOrigins,
  };
  const children = new Set<ChildProcess>();
  // The projector makes the tables that the others read.
  const projector = await startService('projector', environment, children);
  const [commandApi, readApi, gateway] = await Promise.all([
    startService('command-api', environment, children),
    startService('read-api', environment, children),
    startService('realtime-gateway', environment, children),
  ]);
  return {
    issuer,
    commandApi,
    readApi,
    gateway,
    projector,
    async stop() {
      await Promise.all([...children].map(kill));
      await Promise.all([nats.stop(), postgres.stop(), redis.stop(), issuer.stop()]);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function startService(
  name: string,
  environment: Record<string, string>,
  children: Set<ChildProcess>,
): Promise<Service> {
  const port = await freePort();
  const main = fileURLToPath(new URL(`${name}/dist/main.js`, ROOT));
  const start = async (): Promise<ChildProcess> => {
    const env = { ...environment, PATH: process.env.PATH ?? '', PORT: String(port) };
    const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'ignore', 'inherit'] });
    children.add(child);
    await ready(name, port, child);
    return child;
  };
  let child = await start();
  return {
    port,
    async restart() {
      children.delete(child);
      await kill(child);
      child = await start();
    },
  };
}

async function ready(name: string, port: number, child: ChildProcess): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}`);
    const status = await fetch(`http://127.0.0.1:${port}/health/ready`).then(
      (answer) => answer.status,
      () => 0,
    );
    if (status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
