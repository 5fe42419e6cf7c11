interface Leaving<T> {
  readonly who: T;
  readonly tellAt: number;
  closeAt: number;
}

/**
 * Sends clients away over a window. The first half of it is for telling them, each at a moment of their own; from then
 * on each has the other half to go at a random moment that the client chooses, and is closed at its end. So neither those
 * who listen nor those who do not come to the other gateways all at once, and nobody is closed before their time is over.
 * A window of less than 2 ms has no time to give: then nobody is told.
 */
export class Drain<T> {
  /** From being told to being closed. */
  readonly noticeMs: number;
  readonly #leaving: readonly Leaving<T>[];
  #told = 0;
  #closed = 0;

  /** `chance`: a new random number each time, from 0 to less than 1. */
  constructor(all: Iterable<T>, windowMs: number, chance: () => number) {
    this.noticeMs = Math.floor(windowMs / 2);
    const tellingMs = windowMs - this.noticeMs;
    this.#leaving = Array.from(all, (who) => ({ who, tellAt: chance() * tellingMs, closeAt: windowMs })).sort(
      (one, other) => one.tellAt - other.tellAt,
    );
  }

  /** Who is to be told, and who to be closed, by this time since the drain began. */
  step(sinceMs: number): { tell: T[]; close: T[] } {
    const close: T[] = [];
    for (let next = this.#leaving[this.#closed]; next; next = this.#leaving[++this.#closed]) {
      if (this.#closed === this.#told || next.closeAt > sinceMs) break;
      close.push(next.who);
    }
    const tell: T[] = [];
    for (let next = this.#leaving[this.#told]; next; next = this.#leaving[++this.#told]) {
      if (next.tellAt > sinceMs) break;
      // From now: a busy process may be late.
      next.closeAt = sinceMs + this.noticeMs;
      tell.push(next.who);
    }
    return { tell, close };
  }

  /** Everybody has been closed. */
  get isOver(): boolean {
    return this.#closed === this.#leaving.length;
  }
}
