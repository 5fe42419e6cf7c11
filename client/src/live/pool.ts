import { Source, type SourceOptions } from './source.ts';

/** Models of one kind, each kept for as long as somebody uses it. */
export class Pool<M> {
  readonly #optionsOf: (id: string) => SourceOptions<M>;
  readonly #held = new Map<string, { source: Source<M>; users: number }>();

  constructor(optionsOf: (id: string) => SourceOptions<M>) {
    this.#optionsOf = optionsOf;
  }

  get(id: string): Source<M> | undefined {
    return this.#held.get(id)?.source;
  }

  entries(): [string, Source<M>][] {
    return [...this.#held].map(([id, { source }]) => [id, source]);
  }

  open(id: string): void {
    const held = this.#held.get(id);
    if (held) held.users++;
    else this.#held.set(id, { source: new Source(this.#optionsOf(id)), users: 1 });
  }

  close(id: string): void {
    const held = this.#held.get(id);
    if (!held || --held.users > 0) return;
    held.source.stop();
    this.#held.delete(id);
  }
}
