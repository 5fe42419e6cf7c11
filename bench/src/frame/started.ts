/** Things that were started, stopped in reverse order; one that fails does not keep the others running. */
export class Started {
  readonly #stops: (() => Promise<unknown>)[] = [];

  add<T extends { stop(): Promise<unknown> }>(thing: T): T {
    this.#stops.push(() => thing.stop());
    return thing;
  }

  onStop(stop: () => Promise<unknown>): void {
    this.#stops.push(stop);
  }

  async stop(): Promise<void> {
    const faults: unknown[] = [];
    for (const stop of this.#stops.splice(0).reverse()) {
      await stop().catch((error: unknown) => faults.push(error));
    }
    if (faults.length > 0) throw new AggregateError(faults, 'not everything stopped cleanly');
  }
}
