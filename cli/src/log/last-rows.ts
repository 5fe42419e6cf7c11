/** The newest rows of a run of any length. */
export class LastRows<Row> {
  readonly #most: number;
  #rows: Row[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  push(row: Row): void {
    this.#rows.push(row);
    // Seldom, so that a long run costs no copy per row.
    if (this.#rows.length >= 2 * this.#most) this.#rows = this.#rows.slice(-this.#most);
  }

  rows(): readonly Row[] {
    return this.#rows.slice(-this.#most);
  }
}
