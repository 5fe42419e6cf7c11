import type { CommitRecord, Logger } from '@parley/runtime';
import type { Pool } from 'pg';
import type { Checkpoint } from './checkpoints.ts';
import { KnownVersions } from './known-versions.ts';
import type { ProjectorMetrics } from './metrics.ts';
import { type FoldedBatch, foldBatch, type LaneCommit } from './projections/fold-batch.ts';
import { retryForever } from './retry.ts';
import { type Batch, isPermanent, OwnershipLost, type RowWriter, writeBatch } from './write-batch.ts';

/** A commit of this lane, and its record for what only the checkpoint and the metrics need. */
export interface ReceivedCommit extends LaneCommit {
  record: CommitRecord;
}

export interface LaneOptions {
  pool: Pool;
  checkpoint: Checkpoint;
  metrics: ProjectorMetrics;
  logger: Logger;
  signal: AbortSignal;
  /** Told once when the lane can't go on in this process: ownership is lost. */
  onLost(error: Error): void;
  /** How rows are written, when not as into tables in use. */
  write?: RowWriter;
}

/**
 * One lane: folds a batch while Postgres writes the one before it, never more. Nothing is skipped: what cannot be
 * written now is repeated, what can never be applied halts the lane for good.
 */
export class Lane {
  readonly #options: LaneOptions;
  readonly #label: { lane: string };
  readonly #known: KnownVersions;
  /** Where the newest folded batch ends, written or not. */
  #folded: Checkpoint;
  #written: Checkpoint;
  #writing: Promise<void> = Promise.resolve();
  #oldestUnwritten: number | null = null;
  #fault: string | null = null;
  #trouble: string | null = null;

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#label = { lane: String(options.checkpoint.lane) };
    this.#known = new KnownVersions(options.pool);
    this.#folded = options.checkpoint;
    this.#written = options.checkpoint;
  }

  /** Sequence up to which the tables hold this lane's commits. */
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

  /**
   * Takes this lane's commits of the log up to `end`, in order; none = only its checkpoint moves. Resolves when they are
   * folded and their transaction has begun, so that a caller waiting for it keeps at most two batches in memory.
   */
  async take(commits: ReceivedCommit[], end: { sequence: number; commitId: string }): Promise<void> {
    if (this.#fault !== null || end.sequence <= this.#folded.sequence) return;
    const from = this.#folded;
    const applied = (commits[0]?.sequence ?? 0) <= from.sequence;
    const fresh = applied ? commits.filter((commit) => commit.sequence > from.sequence) : commits;
    const folded = await this.#fold(fresh);
    this.#known.record(folded.progress);
    await this.#writing;
    // The write that was waited for may have halted the lane.
    if (this.#fault !== null) return;
    this.#known.forgetOldest();
    const to = folded.fault ? lastBefore(fresh, folded.fault.sequence) : end;
    if (to) {
      this.#folded = { ...from, sequence: to.sequence, commitId: to.commitId };
      this.#oldestUnwritten = fresh[0]?.record.storedAt ?? null;
      this.#writing = this.#write({ from, to, changes: folded.changes }, folded.events);
    }
    if (folded.fault) {
      await this.#writing;
      this.#halt(`commit ${folded.fault.sequence} cannot be applied: ${folded.fault.reason}`);
    }
  }

  /** Resolves when nothing is being written. */
  settled(): Promise<void> {
    return this.#writing;
  }

  async #fold(commits: readonly LaneCommit[]): Promise<FoldedBatch> {
    const versioned = commits.flatMap(({ aggregate }) =>
      aggregate === null || aggregate.kind === 'reads' ? [] : [aggregate],
    );
    await retryForever(() => this.#known.lookUp(versioned), {
      signal: this.#options.signal,
      isFinal: isPermanent,
      onFailure: (error) => this.#report(error),
    });
    return foldBatch(commits, (key) => this.#known.of(key));
  }

  /** Never rejects: a failure for good is told through `onLost` or halts the lane. */
  async #write(batch: Batch, events: number): Promise<void> {
    const { pool, metrics, signal, onLost, write } = this.#options;
    try {
      const rows = await retryForever(() => this.#timed(() => writeBatch(pool, batch, write)), {
        signal,
        isFinal: (error) => error instanceof OwnershipLost || isPermanent(error),
        onFailure: (error) => this.#report(error),
      });
      metrics.rows.inc(this.#label, rows);
      metrics.batchEvents.observe(this.#label, events);
      this.#written = { ...batch.from, ...batch.to };
      this.#oldestUnwritten = null;
      this.#trouble = null;
    } catch (error) {
      if (isPermanent(error)) {
        this.#halt(
          `commits ${batch.from.sequence + 1} to ${batch.to.sequence} cannot be written: ${(error as Error).message}`,
        );
      } else {
        this.#fault ??= 'stopped';
        onLost(error as Error);
      }
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

  #halt(reason: string): void {
    if (this.#fault !== null) return;
    this.#fault = `lane ${this.#label.lane} halted at ${this.position}: ${reason}`;
    this.#options.metrics.haltedLanes.inc();
    this.#options.logger.error(this.#label, this.#fault);
  }
}

function lastBefore(commits: readonly ReceivedCommit[], sequence: number): CommitRecord | undefined {
  return commits.findLast((commit) => commit.sequence < sequence)?.record;
}
