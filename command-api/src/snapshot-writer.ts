import type { EventLog, Logger, SnapshotStore } from '@parley/runtime';
import type { Aggregate } from './domain/aggregate.ts';
import { encodeSnapshot, type Loaded } from './load-aggregate.ts';

const EVERY_VERSIONS = 500;
/** A hot aggregate passes 500 versions many times a second; a snapshot of it costs milliseconds. */
const EVERY_MS = 5_000;

interface Target {
  log: EventLog;
  snapshots: SnapshotStore;
  logger: Logger;
  now(): number;
}

/** Writes a snapshot of one aggregate now and then. Nobody waits for it, and a lost one costs time, never truth. */
export class SnapshotWriter<State> {
  readonly #aggregate: Aggregate<State>;
  readonly #target: Target;
  #writtenAt = 0;

  constructor(aggregate: Aggregate<State>, target: Target) {
    this.#aggregate = aggregate;
    this.#target = target;
  }

  /** After each commit: writes one when enough has happened since the last. */
  offer(loaded: Loaded<State>): void {
    const { snapshots, log, logger } = this.#target;
    const now = this.#target.now();
    if (loaded.version - loaded.snapshotVersion < EVERY_VERSIONS) return;
    if (now - this.#writtenAt < EVERY_MS) return;
    loaded.snapshotVersion = loaded.version;
    this.#writtenAt = now;
    const { version } = loaded;
    const { subject } = this.#aggregate;
    snapshots
      .put(subject, encodeSnapshot(loaded, log.epoch, this.#aggregate))
      .catch((error: unknown) =>
        logger.warn({ err: error, subject, version }, 'snapshot not written; loading takes longer'),
      );
  }
}
