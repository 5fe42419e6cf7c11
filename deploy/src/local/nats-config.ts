import { randomBytes } from 'node:crypto';
import { type AnalyticsAccess, SERVICES_ACCOUNT } from './analytics-access.ts';

export interface NatsCluster {
  name: string;
  port: number;
  /** Cluster addresses of all members. */
  routes: readonly string[];
}

export interface NatsConfig {
  name: string;
  port: number;
  monitorPort: number;
  dir: string;
  storeDir: string;
  syncAlways: boolean;
  cluster: NatsCluster | undefined;
  /** Set, there are accounts: the services need no credentials, the reader of the log has its own. */
  analytics: AnalyticsAccess | undefined;
  configExtra: string;
}

/** JSON strings are valid in the configuration language, so paths with spaces or quotes are safe. */
export function natsConfig(config: NatsConfig): string {
  const text = (value: string) => JSON.stringify(value);
  return [
    `server_name: ${text(config.name)}`,
    `listen: ${text(`127.0.0.1:${config.port}`)}`,
    `http: ${text(`127.0.0.1:${config.monitorPort}`)}`,
    `ports_file_dir: ${text(config.dir)}`,
    'jetstream {',
    `  store_dir: ${text(config.storeDir)}`,
    ...(config.syncAlways ? ['  sync_interval: always'] : []),
    '}',
    ...clusterLines(config.cluster),
    ...accountLines(config.analytics),
    config.configExtra,
    '',
  ].join('\n');
}

function clusterLines(cluster: NatsCluster | undefined): string[] {
  if (!cluster) return [];
  const routes = cluster.routes.map((route) => JSON.stringify(route)).join(', ');
  return [
    'cluster {',
    `  name: ${JSON.stringify(cluster.name)}`,
    `  listen: ${JSON.stringify(`127.0.0.1:${cluster.port}`)}`,
    `  routes: [${routes}]`,
    // Clients are given all addresses; one that goes through a proxy must not learn a way around it.
    '  no_advertise: true',
    '}',
  ];
}

/** Whoever connects without credentials is a service. The server listens on loopback only. */
function accountLines(analytics: AnalyticsAccess | undefined): string[] {
  if (!analytics) return [];
  // A user must have a password; nobody is told this one.
  const password = randomBytes(24).toString('hex');
  return [
    'accounts {',
    `${SERVICES_ACCOUNT} {`,
    '  jetstream: enabled',
    `  users: [{ user: services, password: "${password}" }]`,
    analytics.exports,
    '}',
    analytics.account,
    '}',
    'no_auth_user: services',
  ];
}
