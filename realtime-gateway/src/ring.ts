import { type Commit, weigh } from './session/commit.ts';
import { GoneTexts } from './session/gone-texts.ts';

export interface RingLimits {
  maxBytes: number;
  maxCommits: number;
}

/**
 * The newest commits, in log order, each decoded and encoded once. Holds everything after `coveredAfter` up to `tail`;
 * the oldest go when it is over a limit.
 */
export class Ring {
  /** What its commits deleted or let expire: every one of those texts that is in the ring was there before. */
  readonly gone = new GoneTexts();
  readonly #limits: RingLimits;
  #commits: Commit[] = [];
  #start = 0;
  #bytes = 0;
  #tail: number;
  #coveredAfter: number;

  constructor(after: number, limits: RingLimits) {
    this.#tail = after;
    this.#coveredAfter = after;
    this.#limits = limits;
  }

  /** Sequence of the newest commit it was given. */
  get tail(): number {
    return this.#tail;
  }

  get coveredAfter(): number {
    return this.#coveredAfter;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether every commit after a sequence is here. */
  covers(after: number): boolean {
    return after >= this.#coveredAfter;
  }

  push(commit: Commit): void {
    this.#commits.push(commit);
    this.#bytes += weigh(commit);
    this.#tail = commit.sequence;
    if (commit.kind === 'conversation' && commit.removed)
      this.gone.add(commit.conversationId, commit.removed);
    while (this.#bytes > this.#limits.maxBytes || this.#size > this.#limits.maxCommits) this.#dropOldest();
  }

  get #size(): number {
    return this.#commits.length - this.#start;
  }

  #dropOldest(): void {
    const oldest = this.#commits[this.#start];
    if (!oldest) return;
    this.#start++;
    this.#bytes -= weigh(oldest);
    this.#coveredAfter = oldest.sequence;
    if (oldest.kind === 'conversation' && oldest.removed) {
      this.gone.forget(oldest.conversationId, oldest.removed);
    }
    // Moving the rest once per thousands of drops keeps dropping constant in time without holding the dropped.
    if (this.#start > 4_096 && this.#start * 2 > this.#commits.length) {
      this.#commits = this.#commits.slice(this.#start);
      this.#start = 0;
    }
  }

  /** The commits after a sequence that the ring covers. Iterate within one tick: the ring moves. */
  *after(sequence: number): Iterable<Commit> {
    for (let index = this.#indexAfter(sequence); index < this.#commits.length; index++) {
      const commit = this.#commits[index];
      if (commit) yield commit;
    }
  }

  #indexAfter(sequence: number): number {
    let low = this.#start;
    let high = this.#commits.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#commits[middle]?.sequence ?? 0) <= sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
