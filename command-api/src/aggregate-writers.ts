import { LRUCache } from 'lru-cache';
import { AggregateWriter, type WriterContext } from './aggregate-writer.ts';
import type { Answer } from './answer.ts';
import type { Aggregate } from './domain/aggregate.ts';
import type { Candidate } from './domain/plan-commit.ts';

/** Members and remembered commands over all idle aggregates of a kind: about 300 MB when full. */
const IDLE_WEIGHT = 1_000_000;

/**
 * One writer for each aggregate of a kind that is in use. A busy one is never dropped, so that one process never
 * contends with itself; an idle one is weighed when it becomes idle, because it grows while it works.
 */
export class AggregateWriters<State> {
  readonly #aggregateOf: (id: string) => Aggregate<State>;
  readonly #context: WriterContext;
  readonly #busy = new Map<string, { writer: AggregateWriter<State>; uses: number }>();
  readonly #idle: LRUCache<string, AggregateWriter<State>>;

  constructor(
    aggregateOf: (id: string) => Aggregate<State>,
    context: WriterContext,
    idleWeight = IDLE_WEIGHT,
  ) {
    this.#aggregateOf = aggregateOf;
    this.#context = context;
    this.#idle = new LRUCache({ maxSize: idleWeight, sizeCalculation: (writer) => writer.weight() });
  }

  /** What all idle writers weigh; never above the limit. */
  get idleWeight(): number {
    return this.#idle.calculatedSize;
  }

  submit(id: string, candidate: Candidate): Promise<Answer> {
    return this.#with(id, (writer) => writer.submit(candidate));
  }

  /** What a state that the log's leader confirmed after this call says. Rejects when the log is away. */
  confirmed<T>(id: string, view: (state: State) => T): Promise<T> {
    return this.#with(id, (writer) => writer.confirmed(view));
  }

  async #with<T>(id: string, work: (writer: AggregateWriter<State>) => Promise<T>): Promise<T> {
    const entry = this.#take(id);
    entry.uses++;
    try {
      return await work(entry.writer);
    } finally {
      entry.uses--;
      if (entry.uses === 0) {
        this.#busy.delete(id);
        this.#idle.set(id, entry.writer);
      }
    }
  }

  #take(id: string): { writer: AggregateWriter<State>; uses: number } {
    const busy = this.#busy.get(id);
    if (busy) return busy;
    const idle = this.#idle.get(id);
    // A cache does not weigh a value again that it already holds.
    if (idle) this.#idle.delete(id);
    const entry = { writer: idle ?? new AggregateWriter(this.#aggregateOf(id), this.#context), uses: 0 };
    this.#busy.set(id, entry);
    return entry;
  }
}
