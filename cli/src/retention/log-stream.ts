import { type JetStreamManager, jetstreamManager, StorageType } from '@nats-io/jetstream';
import { LOG_STREAM, PARTITIONS, SNAPSHOT_BUCKET } from '@parley/contracts';
import { completeFrom, raiseCompleteFrom } from '@parley/runtime';
import { connectNats } from '../open-log.ts';
import type { Limit } from './plan.ts';
import { RetentionRefused } from './retention-refused.ts';

/** Of a KV bucket's stream. */
const SNAPSHOT_STREAM = `KV_${SNAPSHOT_BUCKET}`;
/** A whole page of subjects is counted at once by the server; a purge writes a tombstone for each commit. */
const TIMEOUT_MS = 60_000;

export interface StreamSubject {
  subject: string;
  commits: number;
}

/** What only retention does with the log's stream. Everything else reads it through `EventLog`. */
export class LogStream {
  readonly #manager: JetStreamManager;

  private constructor(manager: JetStreamManager) {
    this.#manager = manager;
  }

  /** Throws Unavailable when NATS does not answer. */
  static async use<T>(natsUrl: string, work: (stream: LogStream) => Promise<T>): Promise<T> {
    const connection = await connectNats(natsUrl);
    try {
      return await work(new LogStream(await jetstreamManager(connection, { timeout: TIMEOUT_MS })));
    } finally {
      await connection.close();
    }
  }

  async count(): Promise<number> {
    return (await this.#manager.streams.info(LOG_STREAM)).state.num_subjects ?? 0;
  }

  /** All subjects with their numbers of commits, a partition at a time: that much is in memory. */
  async *pages(): AsyncGenerator<StreamSubject[]> {
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const filter = `evt.${String(partition).padStart(2, '0')}.>`;
      const { state } = await this.#manager.streams.info(LOG_STREAM, { subjects_filter: filter });
      yield Object.entries(state.subjects ?? {}).map(([subject, commits]) => ({ subject, commits }));
    }
  }

  /** As long as somebody who reads the log through a consumer of their own has not read a commit, it stays. */
  async readers(): Promise<Limit[]> {
    const limits: Limit[] = [];
    for await (const { name, config, ack_floor } of this.#manager.consumers.list(LOG_STREAM)) {
      if (config.durable_name === undefined) continue;
      const because = `the consumer ${name} has read to there; if nobody uses it any more: parley analytics list, remove`;
      limits.push({ through: ack_floor.stream_seq, because });
    }
    return limits;
  }

  /** Throws RetentionRefused when a durable reader needs a commit up to there: it may have come since the plan was made. */
  async refuseReadersBefore(through: number): Promise<void> {
    const behind = (await this.readers()).find((reader) => reader.through < through);
    if (behind)
      throw new RetentionRefused(`No more is removed: ${behind.because}. Run the same command again.`);
  }

  /** Throws RetentionRefused when the store of snapshots would lose one sooner than the log loses a commit. */
  async refuseLossySnapshots(): Promise<void> {
    const { num_replicas: replicas } = (await this.#manager.streams.info(LOG_STREAM)).config;
    const { config } = await this.#manager.streams.info(SNAPSHOT_STREAM);
    const faults = [
      ...(config.storage === StorageType.File ? [] : ['it is in memory']),
      ...(config.max_age === 0 ? [] : ['it forgets by age']),
      ...(config.max_bytes === -1 ? [] : ['its size is limited']),
      ...(config.num_replicas >= replicas
        ? []
        : [`${config.num_replicas} replicas, and the log ${replicas}`]),
    ];
    if (faults.length === 0) return;
    throw new RetentionRefused(
      `Snapshots stand for what is removed, and the stream ${SNAPSHOT_STREAM} may lose them: ${faults.join(', ')}. ` +
        `Correct it first: \`nats stream edit ${SNAPSHOT_STREAM}\`.`,
    );
  }

  async completeFrom(): Promise<number> {
    return completeFrom((await this.#manager.streams.info(LOG_STREAM)).config);
  }

  /** From then on readers of what is before are refused. Never lowered. */
  raiseCompleteFrom(sequence: number): Promise<void> {
    return raiseCompleteFrom(this.#manager, sequence);
  }

  /** Removes the commits of one subject up to a sequence, included; resolves to how many there were. */
  async purge(subject: string, through: number): Promise<number> {
    const { purged } = await this.#manager.streams.purge(LOG_STREAM, { filter: subject, seq: through + 1 });
    return purged;
  }
}
