/** Runs so many pieces of work at once, one per key; the rest wait in the order they came. */
export class WaitingLine {
  readonly #slots: number;
  readonly #busy = new Set<string>();
  #waiting: { key: string; begin: () => void }[] = [];

  constructor(slots: number) {
    this.#slots = slots;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    if (this.#busy.size >= this.#slots || this.#busy.has(key)) {
      await new Promise<void>((begin) => this.#waiting.push({ key, begin }));
    } else this.#busy.add(key);
    try {
      return await work();
    } finally {
      this.#busy.delete(key);
      this.#admitNext();
    }
  }

  /** The slot is taken for the one who waited before anybody else can come between. */
  #admitNext(): void {
    if (this.#busy.size >= this.#slots) return;
    const index = this.#waiting.findIndex((next) => !this.#busy.has(next.key));
    const next = this.#waiting[index];
    if (!next) return;
    this.#waiting.splice(index, 1);
    this.#busy.add(next.key);
    next.begin();
  }
}
