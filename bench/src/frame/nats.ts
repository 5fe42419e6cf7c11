import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { startNats, startNatsCluster } from '@parley/deploy/testing';

export interface LogServer {
  /** Every member. */
  url: string;
  version: string;
  pids: readonly number[];
  /**
   * Where the leader of a stream is. Both sides of a bench connect there: whether a client sits at the leader or one
   * hop away from it is worth more than what is compared.
   */
  leaderUrl(stream: string): Promise<string>;
  stop(): Promise<void>;
}

/** A private nats-server, or three of them, with the configuration that the local stack uses. */
export async function startLogServer(dir: string, replicas: 1 | 3): Promise<LogServer> {
  if (replicas === 1) {
    const server = await startNats({ dir });
    return {
      url: server.url,
      version: server.version,
      pids: [server.pid],
      leaderUrl: async () => server.url,
      stop: () => server.stop(),
    };
  }
  const cluster = await startNatsCluster({ dir, size: 3 });
  return {
    url: cluster.url,
    version: `${cluster.servers[0]?.version} × 3`,
    pids: cluster.servers.map(({ pid }) => pid),
    async leaderUrl(stream) {
      const connection = await connect({ servers: [...cluster.urls] });
      try {
        const manager = await jetstreamManager(connection);
        const leader = (await manager.streams.info(stream)).cluster?.leader;
        const server = cluster.servers.find(({ name }) => name === leader);
        if (!server) throw new Error(`stream ${stream} has no leader`);
        return server.url;
      } finally {
        await connection.close();
      }
    },
    stop: () => cluster.stop(),
  };
}
