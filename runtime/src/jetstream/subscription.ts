import { type ConsumerMessages, DeliverPolicy, type JetStreamClient, type JsMsg } from '@nats-io/jetstream';
import { LOG_STREAM } from '@parley/contracts';
import {
  type CommitRecord,
  ContinuityLost,
  type EventLog,
  type SubscribeOptions,
  type Subscription,
} from '../event-log.ts';
import { DeliveredCommit } from './delivered-commit.ts';

const DEFAULT_MAX_BATCH = 1_000;
/** Commits and bytes read ahead of the reader; the consumer stops pulling beyond either. */
const READ_AHEAD = 5_000;
const READ_AHEAD_BYTES = 16 * 1024 * 1024;
/** Commits asked for at a time. The server cuts off a client that has 64 MB waiting: 200 of the largest fit. */
const ON_THE_WAY = 200;
/** Idle this long → ask the leader whether there is something we were not given. */
const WATCHDOG_MS = 1_000;
const RETRY_MS = 250;

/**
 * One unfiltered ordered consumer. The client's own recovery is not relied on: filtered or restarted consumers have
 * been seen to stop or skip (nats-server #8632, #7760), so every sequence is checked here, a watchdog compares with
 * the stream's head, and any doubt ends in a new consumer from the last delivered sequence.
 */
export class JetStreamSubscription implements Subscription {
  readonly #log: EventLog;
  readonly #client: JetStreamClient;
  readonly #maxBatch: number;
  readonly #lingerMs: number;
  readonly #until: number;
  #delivered: number;
  #head: number;
  #closed = false;
  #ended = false;
  #failure: Error | null = null;
  #messages: ConsumerMessages | null = null;
  /** A consumer has given its last although `until` was not reached. */
  #nothingFollows = false;
  #ready: CommitRecord[] = [];
  #readyBytes = 0;
  #wakeReader: (() => void) | null = null;
  #wakePump: (() => void) | null = null;

  constructor(log: EventLog, client: JetStreamClient, options: SubscribeOptions) {
    this.#log = log;
    this.#client = client;
    this.#maxBatch = options.maxBatch ?? DEFAULT_MAX_BATCH;
    this.#lingerMs = options.lingerMs ?? 0;
    this.#delivered = options.afterSequence;
    this.#head = options.afterSequence;
    this.#until = options.until ?? Number.POSITIVE_INFINITY;
    this.#ended = this.#delivered >= this.#until;
    void this.#pump();
  }

  head(): number {
    return this.#head;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#messages?.stop();
    this.#wakeReader?.();
    this.#wakePump?.();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<CommitRecord[]> {
    try {
      for (;;) {
        if (this.#ready.length === 0) await this.#somethingReady();
        if (this.#ready.length === 0) {
          if (this.#failure) throw this.#failure;
          if (this.#closed || this.#ended) return;
          continue;
        }
        if (this.#lingerMs > 0 && this.#ready.length < this.#maxBatch && this.#atHead()) {
          await new Promise((resolve) => setTimeout(resolve, this.#lingerMs));
        }
        const batch = this.#ready.splice(0, this.#maxBatch);
        this.#readyBytes = this.#ready.length === 0 ? 0 : this.#readyBytes - bytesOf(batch);
        this.#wakePump?.();
        yield batch;
        if (this.#closed) return;
      }
    } finally {
      await this.close();
    }
  }

  #atHead(): boolean {
    return this.#delivered >= this.#head;
  }

  #somethingReady(): Promise<void> {
    if (this.#failure || this.#closed || this.#ended) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wakeReader = () => {
        this.#wakeReader = null;
        resolve();
      };
    });
  }

  /** Runs consumers one after another until closed, at the end or continuity is lost. */
  async #pump(): Promise<void> {
    while (!this.#closed && !this.#ended) {
      try {
        await this.#checkContinuity();
        await this.#consume();
        if (this.#nothingFollows) await this.#endByLog();
      } catch (error) {
        if (error instanceof ContinuityLost) {
          this.#failure = error;
          this.#wakeReader?.();
          return;
        }
      }
      if (this.#closed || this.#ended) return;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  /** A consumer says that no commit up to `until` is left: deleted ones are never delivered. The log itself knows. */
  async #endByLog(): Promise<void> {
    await this.#fillHole(this.#until + 1);
    this.#end();
  }

  #end(): void {
    this.#ended = true;
    this.#messages?.stop();
    this.#wakeReader?.();
  }

  /** `next`: what is to be read next, or was found missing. */
  async #checkContinuity(next = this.#delivered + 1): Promise<void> {
    const { first, last } = await this.#log.bounds();
    if (this.#delivered > last) {
      throw new ContinuityLost(
        'truncated',
        `the log ends at ${last}, but ${this.#delivered} was read before`,
      );
    }
    if (next < first) {
      throw new ContinuityLost('retention', `the log begins at ${first}, ${next} is gone`);
    }
    this.#head = Math.max(this.#head, last);
  }

  async #consume(): Promise<void> {
    const consumer = await this.#client.consumers.get(LOG_STREAM, {
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: this.#delivered + 1,
      inactive_threshold: 30_000,
    });
    const messages = await consumer.consume({
      max_messages: ON_THE_WAY,
      idle_heartbeat: 1_000,
      expires: 10_000,
    });
    this.#messages = messages;
    this.#nothingFollows = false;
    if (this.#closed) messages.stop();
    const watchdog = this.#watch(messages);
    try {
      for await (const message of messages) {
        const hole = this.#accept(message);
        if (hole) await hole;
        if (this.#ended || this.#nothingFollows) break;
        if (this.#isFull()) await this.#roomAgain();
      }
    } finally {
      watchdog.stop();
      messages.stop();
      this.#messages = null;
      void consumer.delete().catch(() => undefined);
    }
  }

  /** Ends the consumer when the log has more than it delivers, or is no longer the log that was read. */
  #watch(messages: ConsumerMessages): { stop(): void } {
    let seen = this.#delivered;
    let behind = 0;
    const timer = setInterval(async () => {
      if (this.#delivered !== seen || this.#ready.length > 0) {
        seen = this.#delivered;
        behind = 0;
        return;
      }
      try {
        await this.#checkContinuity();
        behind = this.#head > this.#delivered && this.#delivered === seen ? behind + 1 : 0;
        if (behind < 2) return;
        this.#nothingFollows = this.#head >= this.#until;
        messages.stop();
      } catch (error) {
        if (error instanceof ContinuityLost) messages.stop(error);
      }
    }, WATCHDOG_MS);
    return { stop: () => clearInterval(timer) };
  }

  /** Synchronous in the common case: a promise per commit would cost more than the commit. */
  #accept(message: JsMsg): Promise<void> | null {
    const { streamSequence, pending, timestampNanos } = message.info;
    if (streamSequence <= this.#delivered) return null;
    const record = new DeliveredCommit(message, streamSequence, Math.floor(timestampNanos / 1e6));
    this.#head = Math.max(this.#head, streamSequence + pending);
    this.#nothingFollows = pending === 0 && streamSequence < this.#until && this.#until <= this.#head;
    if (streamSequence === this.#delivered + 1) {
      this.#push(record);
      return null;
    }
    return this.#fillHole(streamSequence).then(() => this.#push(record));
  }

  /** Sequences the consumer passed over: deleted ones are legal, a stored one that was skipped is delivered now. */
  async #fillHole(until: number): Promise<void> {
    const end = Math.min(until, this.#until + 1);
    for (let next = this.#delivered + 1; next < end; ) {
      const found: CommitRecord[] = [];
      let missing: number | null = null;
      for (; next < end && found.length < ON_THE_WAY; next++) {
        const record = await this.#log.at(next);
        if (record) found.push(record);
        else missing ??= next;
      }
      // Retention says so before it removes: asked after a miss, it cannot pass for an ordinary deletion.
      if (missing !== null) await this.#checkContinuity(missing);
      for (const record of found) this.#push(record);
    }
  }

  #push(record: CommitRecord): void {
    if (record.sequence >= this.#until) this.#end();
    if (record.sequence > this.#until) return;
    this.#delivered = record.sequence;
    this.#ready.push(record);
    this.#readyBytes += record.payload.length;
    this.#wakeReader?.();
  }

  #isFull(): boolean {
    return this.#ready.length >= READ_AHEAD || this.#readyBytes >= READ_AHEAD_BYTES;
  }

  #roomAgain(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wakePump = () => {
        if (this.#isFull() && !this.#closed) return;
        this.#wakePump = null;
        resolve();
      };
    });
  }
}

function bytesOf(batch: readonly CommitRecord[]): number {
  return batch.reduce((bytes, { payload }) => bytes + payload.length, 0);
}
