import { withinTime } from '../within-time.ts';
import type { OutboxEntry } from './outbox-model.ts';
import { readStored } from './read-stored.ts';

const LOAD_AGAIN_MS = 1_000;
/** Longer than a busy disk; beyond it the store counts as one that does not work. */
const PATIENCE_MS = 10_000;

/**
 * Keeps the queue over restarts; one store belongs to one user and one running client. `save` gets all entries, and is
 * never called while an earlier call is not done. After 10 s without an end either call is taken for failed.
 */
export interface OutboxStore {
  load(): Promise<readonly OutboxEntry[] | null> | readonly OutboxEntry[] | null;
  save(entries: readonly OutboxEntry[]): Promise<void> | void;
}

type Newest = () => readonly OutboxEntry[];
type Saved = (entries: readonly OutboxEntry[]) => void;

/** A store that may fail: what it holds is never written over before it was read. */
export class StoredEntries {
  readonly #store: OutboxStore | undefined;
  #fault: unknown = null;
  /** That it held what is no command, which no later success undoes. */
  #strange: Error | null = null;
  #saving = false;
  #mustSave = false;
  /** The save that is on does not end. */
  #hangs = false;

  constructor(store: OutboxStore | undefined) {
    this.#store = store;
  }

  /** What the last call has met, or else what the store held that was no command, or null. */
  get fault(): unknown {
    return this.#fault ?? this.#strange;
  }

  /** Asks until the store answers; null when it was ended before. */
  async load(ended: AbortSignal): Promise<readonly OutboxEntry[] | null> {
    const limit = { ms: PATIENCE_MS, signal: ended, late: () => new Error('the store does not answer') };
    while (!ended.aborted) {
      try {
        const stored = await withinTime(() => this.#store?.load(), limit);
        const { entries, strange } = readStored(stored ?? []);
        this.#fault = null;
        if (strange.length > 0)
          this.#strange = new Error('not all in the store was a command', { cause: strange });
        return entries;
      } catch (error) {
        this.#fault = error;
        await new Promise((resolve) => setTimeout(resolve, LOAD_AGAIN_MS));
      }
    }
    return null;
  }

  /** Saves what is newest when its turn comes. `saved` is called after a failure too: sending does not end with it. */
  async save(newest: Newest, saved: Saved): Promise<void> {
    this.#mustSave = true;
    if (this.#saving) {
      if (this.#hangs) queueMicrotask(() => saved(newest()));
      return;
    }
    this.#saving = true;
    while (this.#mustSave) {
      this.#mustSave = false;
      const entries = newest();
      await this.#saveOnce(entries, () => saved(newest()));
      saved(entries);
    }
    this.#saving = false;
  }

  /** Waits for the end however long it takes: a second call could be overtaken by the first, and be undone by it. */
  async #saveOnce(entries: readonly OutboxEntry[], hangs: () => void): Promise<void> {
    const timer = setTimeout(() => {
      this.#hangs = true;
      this.#fault = new Error('the store does not end its save');
      hangs();
    }, PATIENCE_MS);
    try {
      await this.#store?.save(entries);
      this.#fault = null;
    } catch (error) {
      this.#fault = error;
    }
    clearTimeout(timer);
    this.#hangs = false;
  }
}
