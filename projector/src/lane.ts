import type { EventLog, Logger } from '@parley/runtime';
import type { Pool } from 'pg';
import type { Checkpoint } from './checkpoints.ts';
import type { DeadLetter } from './dead-letters.ts';
import { LaneFold, TooManyParked } from './lane-fold.ts';
import type { ProjectorMetrics } from './metrics.ts';
import type { FoldedBatch } from './projections/fold-batch.ts';
import { retryForever } from './retry.ts';
import { retryParked } from './retry-parked.ts';
import { type ReceivedCommit, type Slice, writeAround } from './write-around.ts';
import { isPermanent, OwnershipLost, type RowWriter, writeBatch } from './write-batch.ts';

export type { ReceivedCommit } from './write-around.ts';

export interface LaneOptions {
  pool: Pool;
  checkpoint: Checkpoint;
  metrics: ProjectorMetrics;
  logger: Logger;
  signal: AbortSignal;
  /** Told once when the lane can't go on in this process: ownership is lost. */
  onLost(error: Error): void;
  /** How rows are written, when not as into tables in use: a rebuild adds new ones by COPY. */
  write?: RowWriter;
  /** How many lanes the read model has; 1 when not said. */
  lanes?: number;
}

/**
 * One lane: folds a batch while Postgres writes the one before it, never more. What cannot be written now is repeated.
 * A commit that can never be applied is parked, with all later ones of its conversation or user; the others go on.
 */
export class Lane {
  readonly #options: LaneOptions;
  readonly #label: { lane: string };
  readonly #fold: LaneFold;
  /** Where the newest folded batch ends, written or not. */
  #folded: Checkpoint;
  #written: Checkpoint;
  #writing: Promise<void> = Promise.resolve();
  #oldestUnwritten: number | null = null;
  #fault: string | null = null;
  #trouble: string | null = null;

  constructor(options: LaneOptions) {
    const { pool, checkpoint, signal, lanes = 1 } = options;
    this.#options = options;
    this.#label = { lane: String(checkpoint.lane) };
    const onFailure = (error: Error) => this.#report(error);
    this.#fold = new LaneFold({ pool, checkpoint, lanes, signal, onFailure });
    this.#folded = checkpoint;
    this.#written = checkpoint;
  }

  /** Sequence up to which the tables hold this lane's commits, but for those that are parked. */
  get position(): number {
    return this.#written.sequence;
  }

  /** When the log stored the oldest commit in hand, in milliseconds since 1970; null when all are written. */
  get oldestUnwritten(): number | null {
    return this.#oldestUnwritten;
  }

  /** Why the lane stopped for good, or null. */
  get fault(): string | null {
    return this.#fault;
  }

  /** Why the lane is not getting on at the moment, or null. */
  get trouble(): string | null {
    return this.#fault ?? this.#trouble;
  }

  /** Conversations and users of this lane that have dead letters, by key; known after `load` or the first `take`. */
  get parked(): ReadonlySet<string> {
    return this.#fold.parked;
  }

  async load(): Promise<void> {
    await this.#fold.load();
    this.#countParked();
  }

  /**
   * Takes this lane's commits of the log up to `end`, in order; none = only its checkpoint moves. Resolves when they are
   * folded and their transaction has begun, so that a caller waiting for it keeps at most two batches in memory.
   */
  async take(commits: ReceivedCommit[], end: { sequence: number; commitId: string }): Promise<void> {
    if (this.#fault !== null || end.sequence <= this.#folded.sequence) return;
    const from = this.#folded;
    const applied = (commits[0]?.sequence ?? 0) <= from.sequence;
    const fresh = applied ? commits.filter((commit) => commit.sequence > from.sequence) : commits;
    const folded = await this.#foldOnto(fresh);
    // The write that was waited for may have halted the lane.
    if (this.#fault !== null) return;
    const to = { sequence: end.sequence, commitId: end.commitId };
    this.#folded = { ...from, ...to };
    this.#oldestUnwritten = fresh[0]?.record.storedAt ?? null;
    this.#writing = this.#write({ commits: fresh, from, to }, folded);
  }

  /**
   * Folds what is parked under a key, from the log, between two batches. What still cannot be applied stays, with the
   * new reason. Never rejects: when Postgres or the log is away the wish stays too.
   */
  retry(key: string, log: EventLog): Promise<void> {
    this.#writing = this.#writing.then(() => this.#retry(key, log));
    return this.#writing;
  }

  /** Resolves when nothing is being written. */
  settled(): Promise<void> {
    return this.#writing;
  }

  /** Folds while the batch before is being written, and again when that one did not end as it was folded. */
  async #foldOnto(commits: readonly ReceivedCommit[]): Promise<FoldedBatch> {
    for (;;) {
      const { generation } = this.#fold;
      const folded = await this.#fold.fold(commits);
      let waitedFor: Promise<void> | null = null;
      while (waitedFor !== this.#writing) {
        waitedFor = this.#writing;
        await waitedFor;
      }
      if (generation === this.#fold.generation || this.#fault !== null) return folded;
    }
  }

  /** Never rejects: a failure for good is told through `onLost` or halts the lane. */
  async #write(slice: Slice, folded: FoldedBatch): Promise<void> {
    const { signal } = this.#options;
    try {
      await writeAround(slice, folded, {
        fold: this.#fold,
        send: (...part) => this.#send(...part),
        signal,
      });
      this.#oldestUnwritten = null;
      this.#trouble = null;
    } catch (error) {
      if (isPermanent(error) || error instanceof TooManyParked) {
        const { from, to } = slice;
        this.#halt(`commits ${from.sequence + 1} to ${to.sequence} cannot be written: ${error.message}`);
      } else this.#lose(error as Error);
    }
  }

  async #send({ commits, from, to }: Slice, folded: FoldedBatch, attempts: number): Promise<void> {
    const { pool, metrics, signal, write } = this.#options;
    const batch = { from, to, changes: folded.changes, parked: deadLettersOf(commits, folded, attempts) };
    const rows = await retryForever(() => this.#timed(() => writeBatch(pool, batch, write)), {
      signal,
      isFinal: (error) => error instanceof OwnershipLost || isPermanent(error),
      onFailure: (error) => this.#report(error),
    });
    this.#written = { ...from, ...to };
    metrics.rows.inc(this.#label, rows);
    metrics.batchEvents.observe(this.#label, folded.events);
    this.#tellParked(folded);
  }

  #tellParked({ parked }: FoldedBatch): void {
    if (parked.length === 0) return;
    const { metrics, logger } = this.#options;
    metrics.parkedCommits.inc(this.#label, parked.length);
    this.#countParked();
    for (const each of parked) {
      if (each.reason === null) continue;
      logger.error({ ...each, ...this.#label }, 'a commit cannot be applied: see `parley dead-letters`');
    }
  }

  #countParked(): void {
    this.#options.metrics.deadLetters.set(this.#label, this.#fold.parked.size);
  }

  async #retry(key: string, log: EventLog): Promise<void> {
    if (this.#fault !== null) return;
    const { pool, logger, write } = this.#options;
    try {
      const outcome = await retryParked(key, { pool, log, checkpoint: this.#written, write });
      logger.info({ key, ...outcome, ...this.#label }, 'dead letters were tried again');
      await this.#fold.reload();
      this.#countParked();
    } catch (error) {
      if (error instanceof OwnershipLost || this.#options.signal.aborted) return this.#lose(error as Error);
      logger.warn({ error, key, ...this.#label }, 'dead letters cannot be tried again at the moment');
      // Some may have been applied before it failed.
      await this.#fold.reload().catch((lost: Error) => this.#lose(lost));
    }
  }

  async #timed<T>(transaction: () => Promise<T>): Promise<T> {
    const stop = this.#options.metrics.transactionSeconds.startTimer(this.#label);
    try {
      return await transaction();
    } finally {
      stop();
    }
  }

  #report(error: Error): void {
    this.#options.metrics.failures.inc(this.#label);
    this.#options.logger.warn({ error, ...this.#label }, 'Postgres does not take the batch: trying again');
    this.#trouble = `Postgres does not take the batch: ${error.message}`;
  }

  #lose(error: Error): void {
    this.#fault ??= 'stopped';
    this.#options.onLost(error);
  }

  #halt(reason: string): void {
    if (this.#fault !== null) return;
    this.#fault = `lane ${this.#label.lane} halted at ${this.position}: ${reason}`;
    this.#options.metrics.haltedLanes.inc();
    this.#options.logger.error(this.#label, this.#fault);
  }
}

/** Nearly always none: a batch of thousands of commits is not looked through for that. */
function deadLettersOf(
  commits: readonly ReceivedCommit[],
  { parked }: FoldedBatch,
  attempts: number,
): readonly DeadLetter[] {
  if (parked.length === 0) return [];
  const records = new Map(commits.map(({ sequence, record }) => [sequence, record]));
  return parked.map((each) => ({
    ...each,
    subject: records.get(each.sequence)?.subject ?? '',
    commitId: records.get(each.sequence)?.commitId ?? '',
    attempts: each.reason === null ? 0 : attempts,
  }));
}
