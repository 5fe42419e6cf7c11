/** Of time. Whoever is asked for twice in it is named once, at its end. */
const SLOT_MS = 50;

/**
 * Keys to be named at some time, or up to a slot later: what is asked for afterwards, sooner or later, takes nothing
 * back. Holds a key once for every slot that it was asked for.
 */
export class Reminders<K> {
  readonly #slots = new Map<number, Set<K>>();

  remind(key: K, at: number): void {
    const slot = Math.ceil(at / SLOT_MS);
    const keys = this.#slots.get(slot);
    if (keys) keys.add(key);
    else this.#slots.set(slot, new Set([key]));
  }

  /** Removes those whose time has come and gives them, each once. */
  take(now: number): Set<K> {
    const due = new Set<K>();
    for (const [slot, keys] of this.#slots) {
      if (slot * SLOT_MS > now) continue;
      this.#slots.delete(slot);
      for (const key of keys) due.add(key);
    }
    return due;
  }
}
