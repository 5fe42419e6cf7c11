const MOST_EXAMPLES = 5;

/** One thing that was verified: how much of it was compared and what did not agree. */
export interface Check {
  name: string;
  compared: number;
  differences: number;
  /** Some of the differences, in words. */
  examples: string[];
}

/** A check that compared nothing has not passed. */
export function passed({ compared, differences }: Check): boolean {
  return compared > 0 && differences === 0;
}

/** Collects the differences of one check. */
export class Findings {
  readonly #check: Check;

  constructor(name: string) {
    this.#check = { name, compared: 0, differences: 0, examples: [] };
  }

  equal(what: string, actual: unknown, expected: unknown): void {
    this.#check.compared++;
    if (actual === expected) return;
    this.differ(`${what}: ${String(actual)}, expected ${String(expected)}`);
  }

  differ(example: string): void {
    this.#check.differences++;
    if (this.#check.examples.length < MOST_EXAMPLES) this.#check.examples.push(example);
  }

  done(): Check {
    return this.#check;
  }
}
