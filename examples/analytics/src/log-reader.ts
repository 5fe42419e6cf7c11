import {
  type Consumer,
  type ConsumerInfo,
  JetStreamApiError,
  type JsMsg,
  jetstream,
} from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { LOG_STREAM } from '@parley/contracts';

/** What `parley analytics add` prints; both are the same for every reader. */
const API_PREFIX = 'parley';
const INBOX_PREFIX = '_INBOX_analytics';
/** The server cuts off a client that has 64 MB waiting: 200 of the largest commits fit. */
const BATCH = 200;
const WAIT_MS = 1_000;
const CONSUMER_NOT_FOUND = 10014;

export interface ReaderOptions {
  /** With user and password: `nats://analytics:…@host:4222`. */
  natsUrl: string;
  consumer: string;
}

/** Commits in log order, each with its sequence. A batch that was not acknowledged comes again. */
export interface Batch {
  commits: readonly JsMsg[];
  /** Commits that the log holds beyond these. */
  behind: number;
  acknowledge(): Promise<void>;
}

/**
 * Reads the log through a durable consumer, one process at a time.
 *
 * A durable consumer delivers at least once but NOT in order: what a killed process had not acknowledged comes again
 * after `ack_wait`, behind commits that are new. So commits are held until the server says that nothing is outstanding
 * but what is held here; then, sorted, they follow on what was acknowledged before. At most `max_ack_pending` are held.
 */
export class LogReader {
  readonly epoch: string;
  readonly #connection: NatsConnection;
  readonly #consumer: Consumer;
  readonly #held = new Map<number, JsMsg>();

  private constructor(connection: NatsConnection, consumer: Consumer, epoch: string) {
    this.#connection = connection;
    this.#consumer = consumer;
    this.epoch = epoch;
  }

  static async open({ natsUrl, consumer: name }: ReaderOptions): Promise<LogReader> {
    const { username: user, password: pass, host } = new URL(natsUrl);
    const connection = await connect({
      servers: host,
      user,
      pass,
      inboxPrefix: INBOX_PREFIX,
      maxReconnectAttempts: -1,
    });
    try {
      const client = jetstream(connection, { apiPrefix: API_PREFIX });
      const consumer = await client.consumers.get(LOG_STREAM, name).catch((error: unknown) => {
        throw error instanceof JetStreamApiError && error.code === CONSUMER_NOT_FOUND
          ? noConsumer(name)
          : error;
      });
      return new LogReader(connection, consumer, epochOf(await consumer.info(), name));
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  /** The next commits, or null when there were none for a second. */
  async next(): Promise<Batch | null> {
    const before = await this.#consumer.info();
    // Never more than there is, so that the server answers at once; with nothing there, one: the next that comes.
    const there = before.num_pending + before.num_ack_pending - this.#held.size;
    const max_messages = Math.min(BATCH, Math.max(1, there));
    for await (const message of await this.#consumer.fetch({ max_messages, expires: WAIT_MS })) {
      this.#held.set(message.seq, message);
    }
    const { num_ack_pending: outstanding, num_pending: behind } = await this.#consumer.info();
    if (this.#held.size === 0 || outstanding !== this.#held.size) return null;
    const commits = [...this.#held.values()].sort((a, b) => a.seq - b.seq);
    return { commits, behind, acknowledge: () => this.#acknowledge(commits) };
  }

  /** Nothing waits: not in the log, not with a process that was killed. */
  async atEnd(): Promise<boolean> {
    const { num_ack_pending: outstanding, num_pending: behind } = await this.#consumer.info();
    return outstanding === 0 && behind === 0;
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  /** Each is confirmed by the server: the next batch counts what is outstanding. */
  async #acknowledge(commits: readonly JsMsg[]): Promise<void> {
    await Promise.all(commits.map((message) => message.ackAck()));
    for (const { seq } of commits) this.#held.delete(seq);
  }
}

function epochOf({ config }: ConsumerInfo, name: string): string {
  const epoch = config.metadata?.epoch;
  if (epoch) return epoch;
  throw new Error(`consumer ${name} does not name the log's epoch: make it with \`parley analytics add\``);
}

function noConsumer(name: string): Error {
  const short = name.replace('analytics_', '');
  return new Error(`There is no consumer ${name}. Make it: npx parley analytics add ${short}`);
}
