/**
 * Values by key, where nearly every key has one: that is held bare. An array for each took 56 bytes of a socket's
 * memory, a Set 150.
 */
export class Groups<V> {
  readonly #first = new Map<string, V>();
  readonly #others = new Map<string, readonly V[]>();

  keys(): Iterable<string> {
    return this.#first.keys();
  }

  of(key: string): readonly V[] {
    const first = this.#first.get(key);
    return first === undefined ? [] : [first, ...(this.#others.get(key) ?? [])];
  }

  add(key: string, value: V): void {
    if (!this.#first.has(key)) this.#first.set(key, value);
    else this.#others.set(key, [...(this.#others.get(key) ?? []), value]);
  }

  remove(key: string, value: V): void {
    const [first, ...others] = this.of(key).filter((other) => other !== value);
    if (first === undefined) this.#first.delete(key);
    else this.#first.set(key, first);
    if (others.length === 0) this.#others.delete(key);
    else this.#others.set(key, others);
  }
}
