import { join } from 'node:path';
import type { PostgresServer, RedisServer } from '@parley/deploy/testing';
import { type Issuer, startIssuer, startPostgres, startRedis } from '@parley/deploy/testing';
import type { BenchContext } from './bench.ts';

export interface PrivateServers {
  postgres: PostgresServer;
  redis: RedisServer;
  issuer: Issuer;
}

/** What services need beside the log, started for this bench alone. */
export async function startPrivateServers({ dir, started }: BenchContext): Promise<PrivateServers> {
  const [postgres, redis, issuer] = await Promise.all([
    startPostgres({ dir: join(dir, 'postgres') }).then((server) => started.add(server)),
    startRedis({ dir: join(dir, 'redis') }).then((server) => started.add(server)),
    startIssuer({ dir: join(dir, 'issuer') }).then((server) => started.add(server)),
  ]);
  return { postgres, redis, issuer };
}

/** The environment of a service. Limits are off: they would be what is measured. */
export function serviceEnvironment(
  { postgres, redis, issuer }: PrivateServers,
  log: { natsUrl: string; replicas: 1 | 3 },
): Record<string, string> {
  return {
    NATS_URL: log.natsUrl,
    LOG_REPLICAS: String(log.replicas),
    DATABASE_URL: postgres.url,
    REDIS_URL: redis.url,
    JWKS_URL: issuer.jwksUrl,
    JWT_ISSUER: issuer.issuer,
    JWT_AUDIENCE: issuer.audience,
    LOG_LEVEL: 'warn',
    CORS_ORIGINS: '',
    PARLEY_MODE: 'local',
    PARLEY_LIMITS: 'off',
    NODE_ENV: 'production',
  };
}
