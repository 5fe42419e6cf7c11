import {
  AckPolicy,
  type ConsumerInfo,
  DeliverPolicy,
  JetStreamApiError,
  type JetStreamManager,
  jetstreamManager,
} from '@nats-io/jetstream';
import { millis, nanos } from '@nats-io/transport-node';
import { formatPosition, LOG_STREAM, parsePosition } from '@parley/contracts';
import { completeFrom } from '@parley/runtime';
import { connectNats } from '../open-log.ts';
import { Unavailable, UsageError } from '../run-command.ts';

const PREFIX = 'analytics_';
/** In the metadata of one that was made without a place to begin: that moves with retention. */
const BEGINNING = 'beginning';
const NAME = /^[a-z0-9][a-z0-9-]{0,31}$/;
const STREAM_NOT_FOUND = 10059;
const CONSUMER_NOT_FOUND = 10014;
/** The most that a reader has to hold: 400 of the largest commits are 100 MB. */
const MAX_UNACKNOWLEDGED = 400;

export interface ConsumerWish {
  name: string;
  /** Commits after this position; when there is none, all from where the log is complete. */
  from?: string | undefined;
  /** What was not acknowledged within this many seconds is delivered again. */
  ackWaitSeconds: number;
}

export interface AnalyticsConsumer {
  name: string;
  consumer: string;
  /** Where it began: commits after this one. */
  from: string;
  /** Everything up to here was acknowledged. */
  position: string;
  /** Commits in the log that it has not been given yet. */
  behind: number;
  unacknowledged: number;
  ackWaitSeconds: number;
}

/** What a reader named `name` reads through. Throws UsageError when that is no name for one. */
export function consumerName(name: string): string {
  if (!NAME.test(name)) {
    throw new UsageError(
      `"${name}" is no name: 1 to 32 lower-case letters, digits or "-", a letter or digit first.`,
    );
  }
  return PREFIX + name;
}

/** Makes consumers that read the log from beginning to end and never change it. */
export class AnalyticsConsumers {
  readonly #manager: JetStreamManager;
  readonly #epoch: string;
  /** What stands before it is only what retention left over: it must not pass for the past. */
  readonly #first: number;

  private constructor(manager: JetStreamManager, { epoch, first }: Held) {
    this.#manager = manager;
    this.#epoch = epoch;
    this.#first = first;
  }

  /** Throws Unavailable when NATS does not answer or holds no log. */
  static async use<T>(natsUrl: string, work: (consumers: AnalyticsConsumers) => Promise<T>): Promise<T> {
    const connection = await connectNats(natsUrl);
    try {
      const manager = await jetstreamManager(connection);
      return await work(new AnalyticsConsumers(manager, await heldBy(manager)));
    } finally {
      await connection.close();
    }
  }

  /** Does nothing when it is there and is the same. Its place is never moved: for another, remove it first. */
  async add({ name, from, ackWaitSeconds }: ConsumerWish): Promise<AnalyticsConsumer> {
    const consumer = consumerName(name);
    const wished = this.#sequenceOf(from);
    const there = await this.#find(consumer);
    if (there) return this.#same(there, { name, after: wished, ackWaitSeconds });
    const after = wished ?? this.#first - 1;
    if (after < this.#first - 1) {
      throw new UsageError(
        `The log begins at ${formatPosition(this.#epoch, this.#first)}: what was before was removed by retention and is in the archive. ` +
          'Leave --from out to begin there.',
      );
    }
    const info = await this.#manager.consumers.add(LOG_STREAM, {
      durable_name: consumer,
      description: 'Reads the log for analytics; made by parley analytics add',
      ack_policy: AckPolicy.Explicit,
      ack_wait: nanos(ackWaitSeconds * 1_000),
      max_ack_pending: MAX_UNACKNOWLEDGED,
      max_deliver: -1,
      // A reader sees the consumer's state and not the stream's: this is how it learns which log it reads.
      metadata: { epoch: this.#epoch, ...(wished === null && { from: BEGINNING }) },
      ...(after === 0
        ? { deliver_policy: DeliverPolicy.All }
        : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: after + 1 }),
    });
    return describe(info);
  }

  async list(): Promise<AnalyticsConsumer[]> {
    const found: AnalyticsConsumer[] = [];
    for await (const info of this.#manager.consumers.list(LOG_STREAM)) {
      if (info.name.startsWith(PREFIX)) found.push(describe(info));
    }
    return found.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** False when there was none. */
  async remove(name: string): Promise<boolean> {
    const consumer = consumerName(name);
    if (!(await this.#find(consumer))) return false;
    return this.#manager.consumers.delete(LOG_STREAM, consumer);
  }

  #sequenceOf(from: string | undefined): number | null {
    if (from === undefined) return null;
    const position = parsePosition(from);
    if (!position) throw new UsageError(`--from ${from} is no position: "<epoch>:<sequence>".`);
    if (position.epoch === this.#epoch) return position.sequence;
    throw new UsageError(`--from ${from} is of another log. This one's positions begin with ${this.#epoch}.`);
  }

  #same(
    info: ConsumerInfo,
    wish: { name: string; after: number | null; ackWaitSeconds: number },
  ): AnalyticsConsumer {
    const there = describe(info);
    const { opt_start_seq: start, metadata } = info.config;
    const isFromBeginning = start === undefined || metadata?.from === BEGINNING;
    const isSame =
      wish.after === null ? isFromBeginning : there.from === formatPosition(this.#epoch, wish.after);
    if (isSame && there.ackWaitSeconds === wish.ackWaitSeconds) return there;
    throw new UsageError(
      `${wish.name} is there: from ${there.from}, with --ack-wait ${there.ackWaitSeconds}. ` +
        `To begin anew: parley analytics remove ${wish.name}`,
    );
  }

  async #find(consumer: string): Promise<ConsumerInfo | null> {
    try {
      return await this.#manager.consumers.info(LOG_STREAM, consumer);
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === CONSUMER_NOT_FOUND) return null;
      throw error;
    }
  }
}

interface Held {
  epoch: string;
  /** The first sequence from which on nothing is missing. */
  first: number;
}

async function heldBy(manager: JetStreamManager): Promise<Held> {
  try {
    const { config } = await manager.streams.info(LOG_STREAM);
    const epoch = config.metadata?.epoch;
    if (epoch) return { epoch, first: Math.max(1, completeFrom(config)) };
    throw new Unavailable(`The stream ${LOG_STREAM} names no epoch: it was not made by Parley.`);
  } catch (error) {
    if (!(error instanceof JetStreamApiError && error.code === STREAM_NOT_FOUND)) throw error;
    throw new Unavailable('There is no log here yet: start the services once, they make it.');
  }
}

function describe(info: ConsumerInfo): AnalyticsConsumer {
  const { config, ack_floor, num_pending: behind, num_ack_pending: unacknowledged } = info;
  const epoch = config.metadata?.epoch ?? '';
  const began = (config.opt_start_seq ?? 1) - 1;
  return {
    name: info.name.slice(PREFIX.length),
    consumer: info.name,
    from: formatPosition(epoch, began),
    position: formatPosition(epoch, Math.max(began, ack_floor.stream_seq)),
    behind,
    unacknowledged,
    ackWaitSeconds: Math.round(millis(config.ack_wait ?? 0) / 1_000),
  };
}
