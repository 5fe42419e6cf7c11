import { JetStreamApiError, type JetStreamClient, type JetStreamManager } from '@nats-io/jetstream';
import { type NatsConnection, headers as newHeaders } from '@nats-io/transport-node';
import { LOG_STREAM } from '@parley/contracts';
import {
  type AppendOutcome,
  type AppendRequest,
  type CommitRecord,
  ContinuityLost,
  type EventLog,
  LogUnavailable,
  type SubscribeOptions,
  type Subscription,
} from '../event-log.ts';
import { AckInbox } from './ack-inbox.ts';
import { JetStreamSubscription } from './subscription.ts';
import { completeFrom } from './topology.ts';

/** Server error codes, see docs/adr/0003-append.md. */
const WRONG_LAST_SEQUENCE = 10071;
const APPEND_IN_FLIGHT = 10164;
const DUPLICATE_IN_FLIGHT = 10158;
const NO_MESSAGE_FOUND = 10037;

const COMMIT_ID = 'Nats-Msg-Id';
const ACK_TIMEOUT_MS = 2_000;
const READ_TIMEOUT_MS = 5_000;
/** Longer than a leader election takes on three nodes (measured: up to 4.5 s on loopback). */
const APPEND_DEADLINE_MS = 10_000;
const PAGE = 512;
/** The server ends a batch at 64 MB, and cuts off a client that has as much waiting for it. */
const PAGE_BYTES = 8 * 1024 * 1024;

export interface AppendObserver {
  conflict(): void;
  retry(cause: 'busy' | 'unknown'): void;
}

export class JetStreamEventLog implements EventLog {
  readonly epoch: string;
  readonly #client: JetStreamClient;
  readonly #manager: JetStreamManager;
  readonly #connection: NatsConnection;
  readonly #observer: AppendObserver | undefined;
  readonly #acks: AckInbox;

  constructor(options: {
    epoch: string;
    client: JetStreamClient;
    manager: JetStreamManager;
    connection: NatsConnection;
    observer?: AppendObserver;
  }) {
    this.epoch = options.epoch;
    this.#client = options.client;
    this.#manager = options.manager;
    this.#connection = options.connection;
    this.#observer = options.observer;
    this.#acks = new AckInbox(options.connection, ACK_TIMEOUT_MS);
  }

  /**
   * An answer that is not an ack says little: one replica reports a lost-ack retry as a wrong sequence, three report
   * a duplicate; a timeout says nothing. So the log itself is asked: of all commits that expected sequence n on a
   * subject only the first one after n can be stored. Ours there = appended, another's = never will be.
   */
  async append(request: AppendRequest): Promise<AppendOutcome> {
    const deadline = Date.now() + APPEND_DEADLINE_MS;
    for (let attempt = 0; ; attempt++) {
      const answer = await this.#publish(request);
      if (answer.kind === 'stored') return { kind: 'appended', sequence: answer.sequence };
      if (answer.kind !== 'busy' && request.expectedLastSequence !== 'any') {
        const settled = await this.#settle(request, request.expectedLastSequence, answer.kind === 'refused');
        if (settled) {
          if (settled.kind === 'conflict') this.#observer?.conflict();
          return settled;
        }
      }
      if (Date.now() > deadline) throw new LogUnavailable(`append to ${request.subject}: ${answer.reason}`);
      this.#observer?.retry(answer.kind === 'busy' ? 'busy' : 'unknown');
      await pause(attempt, answer.kind === 'busy' ? 2 : 50);
    }
  }

  async #publish(
    request: AppendRequest,
  ): Promise<
    { kind: 'stored'; sequence: number } | { kind: 'refused' | 'busy' | 'unknown'; reason: string }
  > {
    const headers = newHeaders();
    headers.set(COMMIT_ID, request.commitId);
    headers.set('Nats-Expected-Stream', LOG_STREAM);
    if (request.expectedLastSequence !== 'any') {
      headers.set('Nats-Expected-Last-Subject-Sequence', String(request.expectedLastSequence));
    }
    try {
      const reply = await this.#acks.request(request.subject, request.payload, headers);
      const ack = reply.json<{ seq?: number; error?: { err_code: number; description: string } }>();
      if (ack.error) return { kind: refusal(ack.error.err_code), reason: ack.error.description };
      if (typeof ack.seq === 'number' && ack.seq > 0) return { kind: 'stored', sequence: ack.seq };
      return { kind: 'unknown', reason: 'an answer without a sequence' };
    } catch (error) {
      return { kind: 'unknown', reason: error instanceof Error ? error.message : String(error) };
    }
  }

  /** What became of an append whose answer did not tell; null = it is not stored yet, so try again. */
  async #settle(request: AppendRequest, expected: number, refused: boolean): Promise<AppendOutcome | null> {
    try {
      const first = await this.#fromLeader({ seq: expected + 1, next_by_subj: request.subject });
      if (first?.commitId === request.commitId) return { kind: 'appended', sequence: first.sequence };
      // Refused although nothing follows what we expected: we expected a commit that this log does not hold.
      const conflict = first !== null || (refused && (await this.lastSequence(request.subject)) < expected);
      return conflict ? { kind: 'conflict' } : null;
    } catch {
      return null;
    }
  }

  async lastSequence(subject: string): Promise<number> {
    return (await this.#fromLeader({ last_by_subj: subject }))?.sequence ?? 0;
  }

  async at(sequence: number): Promise<CommitRecord | null> {
    return this.#fromLeader({ seq: sequence });
  }

  /** `STREAM.MSG.GET` is answered by the leader, unlike direct reads, which any replica may answer late. */
  async #fromLeader(query: object): Promise<CommitRecord | null> {
    let answer: StoredMessageAnswer;
    try {
      const reply = await this.#connection.request(
        `$JS.API.STREAM.MSG.GET.${LOG_STREAM}`,
        JSON.stringify(query),
        { timeout: READ_TIMEOUT_MS },
      );
      answer = reply.json<StoredMessageAnswer>();
    } catch (error) {
      throw new LogUnavailable('the log does not answer a read', { cause: error });
    }
    if (answer.message) return recordOf(answer.message);
    if (answer.error?.err_code === NO_MESSAGE_FOUND) return null;
    throw new LogUnavailable(`the log refuses a read: ${answer.error?.description ?? 'no reason given'}`);
  }

  async *read(subject: string, afterSequence: number): AsyncIterable<CommitRecord[]> {
    let next = afterSequence + 1;
    for (;;) {
      const { page, pending } = await this.#page(subject, next);
      if (page.length > 0) yield page;
      const last = page.at(-1);
      // A short page is not the end: a page is bounded in bytes too. The server says how many follow.
      if (!last || pending === 0) return;
      next = last.sequence + 1;
    }
  }

  async #page(subject: string, seq: number): Promise<{ page: CommitRecord[]; pending: number }> {
    try {
      const answers = await this.#manager.direct.getBatch(LOG_STREAM, {
        seq,
        next_by_subj: subject,
        batch: PAGE,
        max_bytes: PAGE_BYTES,
      });
      // A lost connection would leave the iterator waiting for ever.
      const guard = setTimeout(() => answers.stop(new Error('no answer in time')), READ_TIMEOUT_MS);
      const page: CommitRecord[] = [];
      let pending = 0;
      try {
        for await (const message of answers) {
          pending = message.pending;
          page.push({
            sequence: message.seq,
            subject: message.subject,
            commitId: message.header.get(COMMIT_ID),
            storedAt: message.time.getTime(),
            payload: message.data,
          });
        }
      } finally {
        clearTimeout(guard);
      }
      return { page, pending };
    } catch (error) {
      // The server answers 404 when nothing matches.
      if (error instanceof Error && 'code' in error && error.code === 404) return { page: [], pending: 0 };
      throw new LogUnavailable('the log does not answer a read', { cause: error });
    }
  }

  async bounds(): Promise<{ first: number; last: number }> {
    try {
      const { config, state } = await this.#manager.streams.info(LOG_STREAM);
      if (config.metadata?.epoch !== this.epoch) {
        throw new ContinuityLost(
          'epoch',
          `the log was replaced: epoch ${config.metadata?.epoch}, not ${this.epoch}`,
        );
      }
      // A new stream reports 0 as its first sequence.
      return { first: Math.max(state.first_seq, completeFrom(config)), last: state.last_seq };
    } catch (error) {
      if (error instanceof ContinuityLost) throw error;
      if (error instanceof JetStreamApiError && error.code === 10059) {
        throw new ContinuityLost('epoch', 'the log was deleted');
      }
      throw new LogUnavailable('the log does not answer', { cause: error });
    }
  }

  subscribe(options: SubscribeOptions): Subscription {
    return new JetStreamSubscription(this, this.#client, options);
  }
}

interface StoredMessageAnswer {
  message?: { subject: string; seq: number; hdrs?: string; data?: string; time: string };
  error?: { err_code: number; description: string };
}

function recordOf(message: NonNullable<StoredMessageAnswer['message']>): CommitRecord {
  const headerText = Buffer.from(message.hdrs ?? '', 'base64').toString('utf8');
  return {
    sequence: message.seq,
    subject: message.subject,
    commitId: /^Nats-Msg-Id: *(.*)\r$/m.exec(headerText)?.[1] ?? '',
    storedAt: Date.parse(message.time),
    payload: Buffer.from(message.data ?? '', 'base64'),
  };
}

function refusal(code: number): 'refused' | 'busy' | 'unknown' {
  if (code === WRONG_LAST_SEQUENCE) return 'refused';
  if (code === APPEND_IN_FLIGHT || code === DUPLICATE_IN_FLIGHT) return 'busy';
  return 'unknown';
}

/** Full jitter: two writers of one subject must not meet again in step. */
function pause(attempt: number, baseMs: number): Promise<void> {
  const ceiling = Math.min(1_000, baseMs * 2 ** Math.min(attempt, 10));
  return new Promise((resolve) => setTimeout(resolve, Math.random() * ceiling));
}
