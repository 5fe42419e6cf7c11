import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { EventLog, SnapshotStore } from '../event-log.ts';
import type { LeaseStore } from '../leases.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Signals } from '../signals.ts';
import { connectNats } from './connection.ts';
import { type AppendObserver, JetStreamEventLog } from './event-log.ts';
import { JetStreamLeases } from './leases.ts';
import { openSignals } from './signals.ts';
import { KvSnapshotStore } from './snapshots.ts';
import { ensureStream } from './topology.ts';

const START_DEADLINE_MS = 30_000;

export interface OpenLogOptions {
  natsUrl: string;
  replicas: 1 | 3;
  /** Shown to operators in the server's connection list. */
  name: string;
  logger: Logger;
  metrics?: Metrics;
}

export interface OpenLog {
  log: EventLog;
  snapshots: SnapshotStore;
  signals: Signals;
  /** Makes their stream if it is missing. */
  openLeases(): Promise<LeaseStore>;
  connected(): boolean;
  close(): Promise<void>;
}

/** Connects, checks the server, makes the stream if it is missing, and gives the log. Closing drains what is in flight. */
export async function openEventLog(options: OpenLogOptions): Promise<OpenLog> {
  const link = await connectNats(options);
  const { connection, connected } = link;
  try {
    const { manager, epoch, snapshots } = await patiently(options.logger, async () => {
      const manager = await jetstreamManager(connection);
      const { epoch } = await ensureStream(manager, options);
      return { manager, epoch, snapshots: await KvSnapshotStore.open(connection, options.replicas) };
    });
    const observer = options.metrics && appendObserver(options.metrics);
    const log = new JetStreamEventLog({
      epoch,
      client: jetstream(connection),
      manager,
      connection,
      ...(observer ? { observer } : {}),
    });
    return {
      log,
      snapshots,
      signals: openSignals(link),
      openLeases: () =>
        patiently(options.logger, () => JetStreamLeases.open(link, manager, options.replicas)),
      connected,
      // A broken connection cannot be drained; what it had in flight is lost either way.
      close: () => connection.drain().catch(() => connection.close()),
    };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** A cluster that has just started has no leader for some seconds. */
async function patiently<T>(logger: Logger, attempt: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + START_DEADLINE_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      logger.warn({ err: error }, 'JetStream is not ready yet, trying again');
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

function appendObserver(metrics: Metrics): AppendObserver {
  const conflicts = metrics.counter({
    name: 'parley_log_append_conflicts_total',
    help: 'Appends that lost to another commit on the same subject.',
  });
  const retries = metrics.counter({
    name: 'parley_log_append_retries_total',
    help: 'Appends sent again, by cause: busy = another append in flight, unknown = no usable answer.',
    labels: ['cause'],
  });
  return { conflict: () => conflicts.inc(), retry: (cause) => retries.inc({ cause }) };
}
