/** Ids one filter takes; 16 bits for each keep wrong guesses below 0.2 % when it is full. */
export const FORGOTTEN_IDS_CAPACITY = 262_144;
const BITS = FORGOTTEN_IDS_CAPACITY * 16;
const PROBES = 5;

/**
 * A Bloom filter over UUIDs: `has` is never wrong when it says no. Half a megabyte. Ids come from clients, who can make
 * `has` guess wrong by choosing them; that costs a lookup and nothing else.
 */
export class ForgottenIds {
  readonly #bits = new Uint32Array(BITS / 32);
  #size = 0;

  get isFull(): boolean {
    return this.#size >= FORGOTTEN_IDS_CAPACITY;
  }

  add(id: string): void {
    this.#size++;
    const [first, step] = hashesOf(id);
    for (let probe = 0; probe < PROBES; probe++) {
      const bit = (first + probe * step) % BITS;
      this.#bits[bit >>> 5] = (this.#bits[bit >>> 5] ?? 0) | (1 << (bit & 31));
    }
  }

  has(id: string): boolean {
    const [first, step] = hashesOf(id);
    for (let probe = 0; probe < PROBES; probe++) {
      const bit = (first + probe * step) % BITS;
      if (((this.#bits[bit >>> 5] ?? 0) & (1 << (bit & 31))) === 0) return false;
    }
    return true;
  }
}

/** The random half of a UUIDv7 is its own hash. */
function hashesOf(id: string): [first: number, step: number] {
  const first = Number.parseInt(id.slice(28, 36), 16);
  const step = Number.parseInt(id.slice(20, 23) + id.slice(24, 28), 16) | 1;
  return [first, step];
}
