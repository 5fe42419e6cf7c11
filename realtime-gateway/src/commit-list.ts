import type { Commit } from './session/commit.ts';

/** Commits in log order: new ones are put at the end, the oldest are dropped. */
export class CommitList {
  #commits: Commit[] = [];
  #start = 0;

  get size(): number {
    return this.#commits.length - this.#start;
  }

  get first(): Commit | undefined {
    return this.#commits[this.#start];
  }

  push(commit: Commit): void {
    this.#commits.push(commit);
  }

  dropFirst(): void {
    this.#start++;
    // Moving the rest once per so many drops keeps dropping constant in time without holding the dropped.
    if (this.#start * 2 <= this.#commits.length) return;
    this.#commits = this.#commits.slice(this.#start);
    this.#start = 0;
  }

  after(sequence: number): Commit[] {
    return this.#commits.slice(this.#indexAfter(sequence));
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
