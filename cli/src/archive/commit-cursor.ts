import type { CommitRecord } from '@parley/runtime';

/** Walks batches of commits one by one; waits only between batches, because a promise per commit costs more than it. */
export class CommitCursor {
  readonly #batches: AsyncIterator<readonly CommitRecord[]>;
  #batch: readonly CommitRecord[] = [];
  #index = 0;

  constructor(batches: AsyncIterable<readonly CommitRecord[]>) {
    this.#batches = batches[Symbol.asyncIterator]();
  }

  /** The commit that is next, when it is here already. */
  peek(): CommitRecord | undefined {
    return this.#batch[this.#index];
  }

  advance(): void {
    this.#index++;
  }

  /** Waits until there is a next commit; false at the end. */
  async more(): Promise<boolean> {
    while (!this.peek()) {
      const next = await this.#batches.next();
      if (next.done) return false;
      this.#batch = next.value;
      this.#index = 0;
    }
    return true;
  }

  async close(): Promise<void> {
    await this.#batches.return?.();
  }
}
