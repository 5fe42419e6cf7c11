/** Bounds what is in memory at once: whoever asks for more than is left waits. One that is too large alone goes alone. */
export class ByteBudget {
  readonly #total: number;
  #used = 0;
  readonly #waiting: { bytes: number; go: () => void }[] = [];

  constructor(total: number) {
    this.#total = total;
  }

  /** Resolves, in the order of asking, to what gives the bytes back. */
  async take(bytes: number): Promise<() => void> {
    if (this.#waiting.length > 0 || !this.#fits(bytes)) {
      await new Promise<void>((go) => {
        this.#waiting.push({ bytes, go });
      });
    } else this.#used += bytes;
    return () => this.#give(bytes);
  }

  #give(bytes: number): void {
    this.#used -= bytes;
    for (let [next] = this.#waiting; next && this.#fits(next.bytes); [next] = this.#waiting) {
      this.#waiting.shift();
      this.#used += next.bytes;
      next.go();
    }
  }

  #fits(bytes: number): boolean {
    return this.#used === 0 || this.#used + bytes <= this.#total;
  }
}
