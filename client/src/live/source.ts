import type { CommitItem } from '@parley/contracts';
import { monotonicNow } from '../monotonic-now.ts';
import { ParleyError } from '../parley-error.ts';
import {
  beginLoad,
  cutOff,
  endLoad,
  type Fold,
  failLoad,
  isExact,
  type Kept,
  takeCommit,
  UNKNOWN,
  wantsLoad,
} from './kept.ts';
import { LOADING, type Shown } from './view.ts';

/** Between two loads of one model; a burst of commits that each ask for one costs one. */
const PAUSE_MS = 1_000;
const SPREAD_MS = 200;
const BACKOFF_MAX_MS = 10_000;
/** What is not found may only not be in the read model yet: that is said after these. */
const LAG_PAUSES_MS = [250, 500, 1_000, 1_500] as const;
const HURRY_PAUSE_MS = 250;

export interface SourceOptions<M> {
  fold: Fold<M>;
  /** Answers at least as of where the subscription is; `before` is what is shown until then. */
  load(before: M | null, signal: AbortSignal): Promise<M>;
  changed(): void;
}

/** The clock and the requests around `kept.ts`: loads a model whenever it is not exact, and tries until it can. */
export class Source<M> {
  readonly #options: SourceOptions<M>;
  readonly #stop = new AbortController();
  #kept: Kept<M> = UNKNOWN;
  #refusal: ParleyError | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #failures = 0;
  #loadedAt = Number.NEGATIVE_INFINITY;
  /** How often, one after the other, there was nothing. */
  #missing = 0;
  /** Something happened there after what was found missing was asked for. */
  #hurries = false;
  #hurriedAt = Number.NEGATIVE_INFINITY;
  #waiting: (() => void)[] = [];
  /** Commits since a page before was asked for. */
  #sincePage: CommitItem[] | null = null;

  constructor(options: SourceOptions<M>) {
    this.#options = options;
    this.#schedule();
  }

  get model(): M | null {
    return this.#kept.model;
  }

  /** Whether the model has all that came. */
  get isExact(): boolean {
    return isExact(this.#kept, this.#options.fold);
  }

  /** Whether the next commits go on from the model. */
  get isContinuous(): boolean {
    return this.#kept.model !== null && !this.#kept.cut;
  }

  shown<T>(isConnected: boolean, contentOf: (model: M) => T): Shown<T> {
    if (this.#refusal) return { state: 'refused', value: null, error: this.#refusal };
    const { model } = this.#kept;
    if (model === null) return LOADING;
    const state = isConnected && isExact(this.#kept, this.#options.fold) ? 'fresh' : 'stale';
    return { state, value: contentOf(model), error: null };
  }

  take(commit: CommitItem): void {
    this.#sincePage?.push(commit);
    this.hurry();
    this.#become(takeCommit(this.#kept, commit, this.#options.fold));
  }

  /** Something happened where nothing was to be seen: it may be there now, and is asked for at once. */
  hurry(): void {
    const mayMiss = this.#refusal !== null || this.#missing > 0 || this.#kept.since !== null;
    if (this.#kept.model !== null || !mayMiss) return;
    this.#refusal = null;
    this.#missing = 0;
    this.#hurries = true;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#schedule();
  }

  /** Resolves when there is something to show, or when it is stopped. Rejects with the refusal. */
  async loaded(): Promise<void> {
    while (this.#kept.model === null && !this.#stop.signal.aborted) {
      if (this.#refusal) throw this.#refusal;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** What is shown does not hold any more, and no commit tells how it is now. */
  cutOff(anotherLog: boolean): void {
    this.#refusal = null;
    this.#sincePage = null;
    this.#become(cutOff(this.#kept, anotherLog));
  }

  /**
   * Loads something that becomes a part of the model, with the commits that came in the meantime. Rejects when it could
   * not be loaded; not when it is stopped meanwhile.
   */
  async extend<A>(load: (signal: AbortSignal) => Promise<A>, merge: Merge<M, A>): Promise<void> {
    const since: CommitItem[] = [];
    this.#sincePage = since;
    try {
      const answer = await load(this.#stop.signal);
      const { model } = this.#kept;
      // Not when commits were missed on the way, or another one was begun.
      if (this.#sincePage !== since || model === null) return;
      this.#become({ ...this.#kept, model: merge(model, answer, since) });
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error;
    } finally {
      if (this.#sincePage === since) this.#sincePage = null;
    }
  }

  stop(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#stop.abort();
    this.#wake();
  }

  #become(kept: Kept<M>): void {
    this.#kept = kept;
    this.#schedule();
    this.#options.changed();
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #schedule(): void {
    const isWanted = this.#refusal === null && wantsLoad(this.#kept, this.#options.fold);
    if (!isWanted || this.#timer || this.#stop.signal.aborted) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      void this.#load();
    }, this.#delay());
  }

  #delay(): number {
    if (this.#failures > 0) return Math.random() * Math.min(BACKOFF_MAX_MS, 500 * 2 ** this.#failures);
    if (this.#hurries) return Math.max(0, this.#hurriedAt + HURRY_PAUSE_MS - monotonicNow());
    if (this.#missing > 0) return LAG_PAUSES_MS[this.#missing - 1] ?? PAUSE_MS;
    if (this.#kept.model === null && !this.#kept.cut) return 0;
    return Math.max(0, this.#loadedAt + PAUSE_MS - monotonicNow()) + Math.random() * SPREAD_MS;
  }

  async #load(): Promise<void> {
    if (this.#hurries) this.#hurriedAt = monotonicNow();
    this.#hurries = false;
    this.#kept = beginLoad(this.#kept);
    try {
      const answer = await this.#options.load(this.#kept.model, this.#stop.signal);
      if (this.#stop.signal.aborted) return;
      this.#ended();
      this.#become(endLoad(this.#kept, answer, this.#options.fold));
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    // Something happened after the answer was asked for: it may be about before that.
    const isOutdated = this.#kept.again || this.#kept.since?.length !== 0;
    const mayLag = isNotFound(error) && this.#kept.model === null;
    if (mayLag && (isOutdated || this.#missing < LAG_PAUSES_MS.length)) {
      this.#failures = 0;
      this.#missing++;
      this.#become(failLoad(this.#kept));
    } else if (isRefusal(error) && !isOutdated) {
      this.#refusal = error;
      this.#ended();
      this.#become(UNKNOWN);
    } else {
      this.#failures++;
      this.#hurries = false;
      this.#become(failLoad(this.#kept));
    }
  }

  #ended(): void {
    this.#failures = 0;
    this.#missing = 0;
    this.#hurries = false;
    this.#loadedAt = monotonicNow();
  }
}

type Merge<M, A> = (model: M, answer: A, since: readonly CommitItem[]) => M;

function isNotFound(error: unknown): boolean {
  return error instanceof ParleyError && error.status === 404;
}

function isRefusal(error: unknown): error is ParleyError {
  return error instanceof ParleyError && (error.status === 403 || error.status === 404);
}
