import { connect, type NatsConnection } from '@nats-io/transport-node';
import type { Logger } from '../log.ts';

/** Per-key direct reads and the expectation rules of the conformance suite hold from this version on. */
const MINIMUM_SERVER = { major: 2, minor: 12 } as const;
const FIRST_CONNECT_TIMEOUT_MS = 30_000;

export interface ConnectOptions {
  /** One or several comma-separated server URLs. */
  natsUrl: string;
  name: string;
  logger: Logger;
}

export interface NatsLink {
  connection: NatsConnection;
  connected(): boolean;
  /** Called each time the connection is there again, when `connected` says so already. Returns what ends it. */
  onReturn(listener: () => void): () => void;
}

/** Connects, keeps reconnecting for ever, and refuses a server that is too old or has no JetStream. */
export async function connectNats(options: ConnectOptions): Promise<NatsLink> {
  const connection = await firstConnection(options);
  const fault = serverFault(connection);
  if (fault) {
    await connection.close();
    throw new Error(fault);
  }
  let connected = true;
  const listeners = new Set<() => void>();
  void followStatus(connection, options.logger, (now) => {
    connected = now;
    if (now) for (const listener of listeners) listener();
  });
  return {
    connection,
    connected: () => connected && !connection.isClosed(),
    onReturn(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

async function firstConnection(options: ConnectOptions): Promise<NatsConnection> {
  const deadline = Date.now() + FIRST_CONNECT_TIMEOUT_MS;
  for (;;) {
    try {
      return await connect({
        servers: options.natsUrl.split(',').map((url) => url.trim()),
        name: options.name,
        maxReconnectAttempts: -1,
        reconnectTimeWait: 250,
        reconnectJitter: 250,
        pingInterval: 10_000,
        maxPingOut: 2,
        ignoreClusterUpdates: false,
      });
    } catch (error) {
      if (Date.now() > deadline) {
        const reason = error instanceof Error ? error.message : String(error);
        throw new Error(
          `NATS does not answer (${reason}); start nats-server with JetStream or correct NATS_URL`,
        );
      }
      options.logger.warn({ err: error }, 'NATS does not answer yet, trying again');
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

/** Why this server cannot hold the log, or null. */
export function serverFault(connection: Pick<NatsConnection, 'info'>): string | null {
  const { version = '0.0', jetstream = false } = connection.info ?? {};
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const recent =
    major > MINIMUM_SERVER.major || (major === MINIMUM_SERVER.major && minor >= MINIMUM_SERVER.minor);
  if (!recent) return `nats-server ${version} is too old: Parley needs 2.12 or newer; upgrade it`;
  if (!jetstream) return 'this nats-server runs without JetStream; start it with -js';
  return null;
}

async function followStatus(
  connection: NatsConnection,
  logger: Logger,
  changed: (connected: boolean) => void,
): Promise<void> {
  for await (const status of connection.status()) {
    if (status.type !== 'disconnect' && status.type !== 'reconnect') continue;
    logger.warn({ status: status.type }, 'NATS connection changed');
    changed(status.type === 'reconnect');
  }
}
