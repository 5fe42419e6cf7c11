import type { OutboxEntry } from './outbox-state.ts';

const LOAD_AGAIN_MS = 1_000;

/**
 * Keeps the queue over restarts; one store belongs to one user and one running client. `save` gets all entries, and is
 * never called while an earlier call is not done.
 */
export interface OutboxStore {
  load(): Promise<readonly OutboxEntry[] | null> | readonly OutboxEntry[] | null;
  save(entries: readonly OutboxEntry[]): Promise<void> | void;
}

/** A store that may fail: what it holds is never written over before it was read. */
export class StoredEntries {
  readonly #store: OutboxStore | undefined;
  #fault: unknown = null;
  #saving = false;
  #mustSave = false;

  constructor(store: OutboxStore | undefined) {
    this.#store = store;
  }

  /** What the last call has met, or null. */
  get fault(): unknown {
    return this.#fault;
  }

  /** Asks until the store answers; null when it was ended before. */
  async load(ended: AbortSignal): Promise<readonly OutboxEntry[] | null> {
    while (!ended.aborted) {
      try {
        const entries = (await this.#store?.load()) ?? [];
        this.#fault = null;
        return entries;
      } catch (error) {
        this.#fault = error;
        await new Promise((resolve) => setTimeout(resolve, LOAD_AGAIN_MS));
      }
    }
    return null;
  }

  /** Saves what is newest when its turn comes. `saved` is called after a failure too: sending does not end with it. */
  async save(
    newest: () => readonly OutboxEntry[],
    saved: (entries: readonly OutboxEntry[]) => void,
  ): Promise<void> {
    this.#mustSave = true;
    if (this.#saving) return;
    this.#saving = true;
    while (this.#mustSave) {
      this.#mustSave = false;
      const entries = newest();
      try {
        await this.#store?.save(entries);
        this.#fault = null;
      } catch (error) {
        this.#fault = error;
      }
      saved(entries);
    }
    this.#saving = false;
  }
}
