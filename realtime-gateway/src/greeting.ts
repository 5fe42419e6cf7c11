/** Sockets that have said nothing yet, by client address: whoever opens many must at least show a token for each. */
export class Greeting {
  readonly #max: number;
  readonly #open = new Map<string, number>();

  constructor(max: number) {
    this.#max = max;
  }

  isFull(address: string): boolean {
    return (this.#open.get(address) ?? 0) >= this.#max;
  }

  enter(address: string): void {
    this.#open.set(address, (this.#open.get(address) ?? 0) + 1);
  }

  leave(address: string): void {
    const left = (this.#open.get(address) ?? 0) - 1;
    if (left > 0) this.#open.set(address, left);
    else this.#open.delete(address);
  }
}
