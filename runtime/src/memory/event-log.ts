import { randomUUID } from 'node:crypto';
import type {
  AppendOutcome,
  AppendRequest,
  CommitRecord,
  Covered,
  EventLog,
  SnapshotStore,
  SubscribeOptions,
  Subscription,
} from '../event-log.ts';

/** The event log's contract in memory: for tests that need its semantics and nothing of a server. */
export class MemoryEventLog implements EventLog {
  readonly epoch: string;
  readonly #now: () => number;
  readonly #records: CommitRecord[] = [];
  readonly #lastBySubject = new Map<string, number>();
  readonly #waiting = new Set<() => void>();

  constructor(options: { epoch?: string; now?: () => number } = {}) {
    this.epoch = options.epoch ?? randomUUID();
    this.#now = options.now ?? Date.now;
  }

  async append(request: AppendRequest): Promise<AppendOutcome> {
    const last = this.#lastBySubject.get(request.subject) ?? 0;
    const expected = request.expectedLastSequence;
    const earlier =
      expected === 'any' ? this.#byCommitId(request) : this.#firstAfter(request.subject, expected);
    if (earlier) {
      return earlier.commitId === request.commitId
        ? { kind: 'appended', sequence: earlier.sequence }
        : { kind: 'conflict' };
    }
    if (expected !== 'any' && expected !== last) return { kind: 'conflict' };
    const { subject, commitId, payload } = request;
    const sequence = this.#records.length + 1;
    this.#records.push({ sequence, subject, commitId, payload, storedAt: this.#now() });
    this.#lastBySubject.set(subject, sequence);
    for (const wake of [...this.#waiting]) wake();
    return { kind: 'appended', sequence };
  }

  #byCommitId(request: AppendRequest): CommitRecord | undefined {
    return this.#records.find((r) => r.commitId === request.commitId && r.subject === request.subject);
  }

  #firstAfter(subject: string, sequence: number): CommitRecord | undefined {
    return this.#records.slice(sequence).find((record) => record.subject === subject);
  }

  async lastSequence(subject: string): Promise<number> {
    return this.#lastBySubject.get(subject) ?? 0;
  }

  async *read(subject: string, afterSequence: number): AsyncIterable<CommitRecord[]> {
    const page = this.#records.slice(afterSequence).filter((record) => record.subject === subject);
    if (page.length > 0) yield page;
  }

  async at(sequence: number): Promise<CommitRecord | null> {
    return this.#records[sequence - 1] ?? null;
  }

  async bounds(): Promise<{ first: number; last: number }> {
    return { first: 1, last: this.#records.length };
  }

  subscribe(options: SubscribeOptions): Subscription {
    let delivered = options.afterSequence;
    let closed = false;
    let wake = (): void => undefined;
    const until = options.until ?? Number.POSITIVE_INFINITY;
    const records = this.#records;
    const waiting = this.#waiting;
    const somethingNew = (): Promise<void> =>
      new Promise((resolve) => {
        wake = () => {
          waiting.delete(wake);
          resolve();
        };
        waiting.add(wake);
      });
    return {
      head: () => records.length,
      async close() {
        closed = true;
        wake();
      },
      async *[Symbol.asyncIterator]() {
        while (!closed && delivered < until) {
          if (delivered >= records.length) {
            await somethingNew();
            continue;
          }
          const end = Math.min(until, delivered + (options.maxBatch ?? 1_000));
          const batch = records.slice(delivered, end);
          delivered += batch.length;
          yield batch;
        }
      },
    };
  }
}

export class MemorySnapshotStore implements SnapshotStore {
  readonly #stored = new Map<string, { value: Uint8Array; covered: Covered }>();

  async get(key: string): Promise<Uint8Array | null> {
    return this.#stored.get(key)?.value ?? null;
  }

  async put(key: string, value: Uint8Array, covered: Covered): Promise<boolean> {
    const there = this.#stored.get(key)?.covered;
    if (there?.epoch === covered.epoch && there.sequence > covered.sequence) return false;
    this.#stored.set(key, { value, covered });
    return true;
  }
}
