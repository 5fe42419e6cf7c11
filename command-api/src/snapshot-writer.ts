import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { EventLog, Logger, SnapshotStore } from '@parley/runtime';
import type { Aggregate } from './domain/aggregate.ts';
import { encodeSnapshot, type Loaded } from './load-aggregate.ts';

const EVERY_VERSIONS = 500;
/** After one that was too large: an aggregate seldom shrinks, and to encode a megabyte holds up the process. */
const EVERY_VERSIONS_WHEN_LARGE = 10_000;
/** A hot aggregate passes 500 versions many times a second; a snapshot of it costs milliseconds. */
const EVERY_MS = 5_000;
/** Compressed; one message of a NATS server holds 1 MB unless its operator allows more. */
const LARGE_BYTES = 700 * 1024;

const compress = promisify(gzip);

interface Target {
  log: EventLog;
  snapshots: SnapshotStore;
  logger: Logger;
  now(): number;
}

/**
 * Writes a snapshot of one aggregate now and then. Nobody waits for it: one that is lost costs time, and one that comes
 * late replaces none that covers more, on which retention may have relied.
 */
export class SnapshotWriter<State> {
  readonly #aggregate: Aggregate<State>;
  readonly #target: Target;
  #writtenAt = 0;
  #tooLarge = false;

  constructor(aggregate: Aggregate<State>, target: Target) {
    this.#aggregate = aggregate;
    this.#target = target;
  }

  /** After each commit: writes one when enough has happened since the last. */
  offer(loaded: Loaded<State>): void {
    const { log } = this.#target;
    const now = this.#target.now();
    const every = this.#tooLarge ? EVERY_VERSIONS_WHEN_LARGE : EVERY_VERSIONS;
    if (loaded.version - loaded.snapshotVersion < every) return;
    if (now - this.#writtenAt < EVERY_MS) return;
    loaded.snapshotVersion = loaded.version;
    this.#writtenAt = now;
    const { version, sequence } = loaded;
    void this.#write(encodeSnapshot(loaded, log.epoch, this.#aggregate), { version, sequence });
  }

  async #write(
    snapshot: Uint8Array,
    { version, sequence }: Pick<Loaded<State>, 'version' | 'sequence'>,
  ): Promise<void> {
    const { log, snapshots, logger } = this.#target;
    const { subject } = this.#aggregate;
    try {
      await snapshots.put(subject, snapshot, { epoch: log.epoch, sequence });
      this.#tooLarge = false;
    } catch (error) {
      const bytes = await compressedSize(snapshot);
      if (bytes <= LARGE_BYTES) {
        logger.warn({ err: error, subject, version }, 'snapshot not written; loading takes longer');
      } else if (!this.#tooLarge) {
        this.#tooLarge = true;
        logger.error({ err: error, subject, version, bytes }, TOO_LARGE);
      }
    }
  }
}

const TOO_LARGE =
  'snapshot too large for one message: every process reads the whole log of this aggregate to load it. Raise max_payload of the NATS servers above `bytes`, or take members, bans or blocks away. Said once';

/** Most fit without being compressed. */
async function compressedSize(snapshot: Uint8Array): Promise<number> {
  return snapshot.byteLength <= LARGE_BYTES ? snapshot.byteLength : (await compress(snapshot)).byteLength;
}
