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
