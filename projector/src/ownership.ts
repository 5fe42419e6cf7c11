import { setTimeout as after } from 'node:timers/promises';
import type { Logger } from '@parley/runtime';
import { Client } from 'pg';

/** `parl`: keeps Parley's advisory locks apart from those of other programs in the same database. */
export const LOCK_SPACE = 0x7061726c;
export const PROJECTOR_LOCK = 1;
/** Notified in the transaction that exchanges the tables. */
export const EXCHANGED_CHANNEL = 'parley_exchanged';
const ASK_AGAIN_MS = 500;
const CONNECT_TIMEOUT_MS = 2_000;

/** The right to project, held as long as its connection lives. */
export interface Ownership {
  /** Aborts when the connection is lost; somebody else may own the lanes from then on. */
  readonly lost: AbortSignal;
  /** Told each time that a rebuild or a rollback has exchanged the tables. */
  onExchange(listener: () => void): void;
  /** Rejects when the lock may be gone, also when the connection does not know it yet. */
  confirm(): Promise<void>;
  release(): Promise<void>;
}

/**
 * Waits until no other process projects into this database. The lock goes with the session: at once when its process
 * dies, within about 5 s when its machine does. Rejects when Postgres is away or `signal` aborts.
 */
export async function becomeOwner(options: {
  databaseUrl: string;
  signal: AbortSignal;
  logger: Logger;
  /** Somebody else owns the lanes at the moment. */
  onStandby(): void;
}): Promise<Ownership> {
  const { databaseUrl, signal, logger, onStandby } = options;
  const client = new Client({
    connectionString: databaseUrl,
    application_name: 'parley-projector-lock',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
  });
  const lost = new AbortController();
  client.on('error', (error) => lost.abort(error));
  client.on('end', () => lost.abort(new Error('the connection that holds the lock has ended')));
  try {
    await client.connect();
    await client.query(
      'SET tcp_keepalives_idle = 2; SET tcp_keepalives_interval = 1; SET tcp_keepalives_count = 2',
    );
    let waiting = false;
    while (!(await tryLock(client))) {
      if (!waiting) {
        logger.info('another projector owns the lanes: standing by');
        onStandby();
      }
      waiting = true;
      await after(ASK_AGAIN_MS, undefined, { signal });
    }
    signal.throwIfAborted();
    await client.query(`LISTEN ${EXCHANGED_CHANNEL}`);
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
  let exchanged = (): void => {};
  client.on('notification', () => exchanged());
  return {
    lost: lost.signal,
    onExchange(listener) {
      exchanged = listener;
    },
    async confirm() {
      // The lock lives as long as the session: one that answers has it.
      await client.query('SELECT 1');
      lost.signal.throwIfAborted();
    },
    release: () => client.end(),
  };
}

async function tryLock(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ owned: boolean }>('SELECT pg_try_advisory_lock($1, $2) AS owned', [
    LOCK_SPACE,
    PROJECTOR_LOCK,
  ]);
  return rows[0]?.owned === true;
}
