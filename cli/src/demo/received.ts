const FIRST_CAPACITY = 1_024;

/** FNV-1a 32: tells apart what one commit shows, it need not resist anybody. */
export function fingerprint(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash ^= text.charCodeAt(i);
    hash = Math.imul(hash, 0x01000193);
  }
  return hash >>> 0;
}

/** What a socket was sent, in the order of arrival, at 12 bytes an event: a listener may see the whole log. */
export class Received {
  #sequences = new Float64Array(FIRST_CAPACITY);
  #prints = new Uint32Array(FIRST_CAPACITY);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(sequence: number, print: number): void {
    if (this.#count === this.#sequences.length) this.#grow();
    this.#sequences[this.#count] = sequence;
    this.#prints[this.#count] = print;
    this.#count++;
  }

  sequenceAt(index: number): number {
    return this.#sequences[index] ?? Number.POSITIVE_INFINITY;
  }

  printAt(index: number): number {
    return this.#prints[index] ?? 0;
  }

  #grow(): void {
    const sequences = new Float64Array(this.#sequences.length * 2);
    const prints = new Uint32Array(this.#prints.length * 2);
    sequences.set(this.#sequences);
    prints.set(this.#prints);
    this.#sequences = sequences;
    this.#prints = prints;
  }
}
