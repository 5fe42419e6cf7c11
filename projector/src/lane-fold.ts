import type { Pool } from 'pg';
import type { Checkpoint } from './checkpoints.ts';
import { loadExceptions } from './dead-letters.ts';
import { KnownVersions } from './known-versions.ts';
import { type Exceptions, NO_EXCEPTIONS } from './projections/exceptions.ts';
import { type FoldedBatch, foldBatch, type LaneCommit } from './projections/fold-batch.ts';
import { retryForever } from './retry.ts';
import { isPermanent } from './write-batch.ts';

/** Bounds the memory; and where this many cannot be applied the log is not to blame, but the build that reads it. */
const MOST_PARKED = 10_000;

/** So many conversations and users cannot be applied that going on would only fill the table of dead letters. */
export class TooManyParked extends Error {
  override name = 'TooManyParked';
}

export interface LaneFoldOptions {
  pool: Pool;
  checkpoint: Checkpoint;
  /** How many lanes the read model has. */
  lanes: number;
  signal: AbortSignal;
  /** Told of each failed read that will be repeated. */
  onFailure(error: Error): void;
}

/** A lane's fold with what it remembers between batches: how far aggregates are applied, and which are parked. */
export class LaneFold {
  readonly #options: LaneFoldOptions;
  readonly #known: KnownVersions;
  #parked = new Set<string>();
  #skipped: Exceptions['skipped'] = new Map();
  #loading: Promise<void> | null = null;
  #generation = 0;

  constructor(options: LaneFoldOptions) {
    this.#options = options;
    this.#known = new KnownVersions(options.pool);
  }

  /** Grows when what was folded before no longer fits: it has to be folded again. */
  get generation(): number {
    return this.#generation;
  }

  /** Keys that have dead letters. */
  get parked(): ReadonlySet<string> {
    return this.#parked;
  }

  /** One read however many wait for it: the answer of a second one would undo what was parked since. */
  load(): Promise<void> {
    this.#loading ??= this.#read().catch((error: Error) => {
      this.#loading = null;
      throw error;
    });
    return this.#loading;
  }

  /** Forgets everything for what the tables say. Call it while nothing is being written. */
  async reload(): Promise<void> {
    this.#generation += 1;
    this.#known.forget();
    this.#loading = null;
    await this.load();
  }

  async fold(
    commits: readonly LaneCommit[],
    refused: Exceptions['refused'] = NO_EXCEPTIONS.refused,
  ): Promise<FoldedBatch> {
    await this.load();
    const versioned = commits.flatMap(({ aggregate }) =>
      aggregate === null || aggregate.kind === 'reads' ? [] : [aggregate],
    );
    await this.#retried(() => this.#known.lookUp(versioned));
    const exceptions = { ...NO_EXCEPTIONS, parked: this.#parked, skipped: this.#skipped, refused };
    return foldBatch(commits, (key) => this.#known.of(key), exceptions);
  }

  /** The batch is about to be written: the next fold goes on from it. Throws TooManyParked. */
  accept(folded: FoldedBatch): void {
    this.#known.record(folded.progress);
    this.#known.forgetOldest();
    for (const { key } of folded.parked) this.#parked.add(key);
    if (this.#parked.size <= MOST_PARKED) return;
    throw new TooManyParked(
      `more than ${MOST_PARKED} conversations and users have a commit that cannot be applied, the last one because: ` +
        `${folded.parked.at(-1)?.reason}. Run a projector that can read this log`,
    );
  }

  async #read(): Promise<void> {
    const { pool, checkpoint, lanes } = this.#options;
    const { parked, skipped } = await this.#retried(() => loadExceptions(pool, checkpoint, lanes));
    this.#parked = parked;
    this.#skipped = skipped;
  }

  #retried<T>(read: () => Promise<T>): Promise<T> {
    const { signal, onFailure } = this.#options;
    return retryForever(read, { signal, isFinal: isPermanent, onFailure });
  }
}
