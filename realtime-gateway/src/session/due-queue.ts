/** Of time: wide enough that there are few slots, narrow enough that a slot holds few that are not due yet. */
const SLOT_MS = 50;

/** Keys by the time when each is due. Taking those that are costs in proportion to them, however many wait. */
export class DueQueue<K> {
  readonly #dueAt = new Map<K, number>();
  readonly #slots = new Map<number, Set<K>>();

  /** Instead of when it was due before; infinite = never. */
  set(key: K, at: number): void {
    this.delete(key);
    if (at === Number.POSITIVE_INFINITY) return;
    this.#dueAt.set(key, at);
    const slot = this.#slots.get(slotOf(at));
    if (slot) slot.add(key);
    else this.#slots.set(slotOf(at), new Set([key]));
  }

  delete(key: K): void {
    const at = this.#dueAt.get(key);
    if (at === undefined) return;
    this.#dueAt.delete(key);
    const slot = this.#slots.get(slotOf(at));
    slot?.delete(key);
    if (slot?.size === 0) this.#slots.delete(slotOf(at));
  }

  /** Removes those that are due and gives them, at most so many. */
  take(now: number, limit: number): K[] {
    const due: K[] = [];
    for (const [slot, keys] of this.#slots) {
      if (slot > slotOf(now)) continue;
      for (const key of keys) {
        if (due.length === limit) return due;
        if ((this.#dueAt.get(key) ?? 0) > now) continue;
        this.delete(key);
        due.push(key);
      }
    }
    return due;
  }
}

function slotOf(at: number): number {
  return Math.floor(at / SLOT_MS);
}
