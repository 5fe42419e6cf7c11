import { jetstreamManager } from '@nats-io/jetstream';
import { LOG_STREAM } from '@parley/contracts';
import { connectNats } from '../open-log.ts';

/** What the log takes on disk on each of its servers, and how many aggregates have commits in it. */
export interface LogSize {
  bytes: number;
  subjects: number;
}

/** Asks as often as it is called, over one connection. */
export interface LogSizes {
  read(): Promise<LogSize>;
  close(): Promise<void>;
}

/** Throws Unavailable when NATS does not answer. */
export async function openLogSizes(natsUrl: string): Promise<LogSizes> {
  const connection = await connectNats(natsUrl);
  return {
    async read() {
      const manager = await jetstreamManager(connection, { checkAPI: false });
      const { state } = await manager.streams.info(LOG_STREAM);
      return { bytes: state.bytes, subjects: state.num_subjects ?? 0 };
    },
    close: () => connection.close(),
  };
}
