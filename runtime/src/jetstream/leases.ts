import {
  DiscardPolicy,
  JetStreamApiError,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
  type StoredMsg,
} from '@nats-io/jetstream';
import { type MsgHdrs, headers as newHeaders, type QueuedIterator } from '@nats-io/transport-node';
import { chunksOf, type HeldLease, type Lease, type LeaseStore, LeasesUnavailable } from '../leases.ts';
import { AckInbox } from './ack-inbox.ts';
import type { NatsLink } from './connection.ts';

const STREAM = 'LEASES';
const TTL = 'Nats-TTL';
const NAME_IN_USE = 10058;
const NOT_FOUND = 404;
const TOO_MANY = 413;
const ANSWER_TIMEOUT_MS = 2_000;
/** The server refuses to answer one request with more than 1,024 messages. */
const GROUPS_PER_REQUEST = 200;
const LEASES_PER_PAGE = 1_000;
/** A follower learns what is committed with the next append or heartbeat, which comes once a second. */
const FOLLOWER_STALE_MS = 1_500;

/**
 * Leases as messages in a stream in memory, one subject each, that end by their own TTL (whole seconds). One server
 * loses them when it restarts; the stream is then made again.
 */
export class JetStreamLeases implements LeaseStore {
  readonly staleMs: number;
  readonly #link: NatsLink;
  readonly #manager: JetStreamManager;
  readonly #replicas: number;
  readonly #acks: AckInbox;

  private constructor(link: NatsLink, manager: JetStreamManager, replicas: number) {
    this.#link = link;
    this.#manager = manager;
    this.#replicas = replicas;
    this.staleMs = replicas > 1 ? FOLLOWER_STALE_MS : 0;
    this.#acks = new AckInbox(link.connection, ANSWER_TIMEOUT_MS);
  }

  static async open(link: NatsLink, manager: JetStreamManager, replicas: number): Promise<JetStreamLeases> {
    await ensureStream(manager, replicas);
    return new JetStreamLeases(link, manager, replicas);
  }

  async put(leases: readonly Lease[]): Promise<void> {
    await this.#answered(() => Promise.all(leases.map((lease) => this.#publish(lease))));
  }

  async read(groups: readonly string[]): Promise<Map<string, HeldLease[]>> {
    const found = new Map<string, HeldLease[]>();
    const chunks = chunksOf([...new Set(groups)], GROUPS_PER_REQUEST);
    const pages = await this.#answered(() => Promise.all(chunks.map((chunk) => this.#page(chunk))));
    const now = Date.now();
    for (const message of pages.flat()) {
      const [, group = '', id = ''] = message.subject.split('.').map(decode);
      // It is held, whatever the time is here: clocks that differ must not say how long it has been over.
      const leftMs = Math.max(0, message.time.getTime() + ttlMsOf(message.header) - now);
      const held = found.get(group) ?? [];
      found.set(group, held);
      held.push({ id, value: message.string(), leftMs });
    }
    return found;
  }

  onReturn(listener: () => void): () => void {
    return this.#link.onReturn(listener);
  }

  /** What was published while disconnected would be sent on return, too late: it is refused at once. */
  async #answered<T>(ask: () => Promise<T>): Promise<T> {
    try {
      if (!this.#link.connected()) throw new Error('not connected');
      try {
        return await ask();
      } catch (error) {
        // A server that lost its memory lost the stream too.
        if (!isNobodyThere(error)) throw error;
        await ensureStream(this.#manager, this.#replicas);
        return await ask();
      }
    } catch (error) {
      throw new LeasesUnavailable('NATS does not answer about leases', { cause: error });
    }
  }

  async #publish({ group, id, value, ttlMs }: Lease): Promise<void> {
    const headers = newHeaders();
    headers.set(TTL, `${Math.max(1, Math.ceil(ttlMs / 1_000))}s`);
    const subject = `lease.${encode(group)}.${encode(id)}`;
    const reply = await this.#acks.request(subject, Buffer.from(value), headers);
    const { error } = reply.json<{ error?: { description: string } }>();
    if (error) throw new Error(error.description);
  }

  async #page(groups: readonly string[]): Promise<StoredMsg[]> {
    const { direct } = this.#manager;
    try {
      const multi_last = groups.map((group) => `lease.${encode(group)}.*`);
      return await collect(direct.getLastMessagesFor(STREAM, { multi_last }));
    } catch (error) {
      if (codeOf(error) !== TOO_MANY) throw error;
      const [only] = groups;
      if (only !== undefined && groups.length === 1) return this.#pages(only);
      const half = Math.ceil(groups.length / 2);
      const halves = [groups.slice(0, half), groups.slice(half)];
      return (await Promise.all(halves.map((part) => this.#page(part)))).flat();
    }
  }

  /** A group that is too large for one answer: whoever makes it so costs some requests, and nobody their presence. */
  async #pages(group: string): Promise<StoredMsg[]> {
    const found = new Map<string, StoredMsg>();
    let seq = 1;
    for (;;) {
      const page = await collect(
        this.#manager.direct.getBatch(STREAM, {
          seq,
          batch: LEASES_PER_PAGE,
          next_by_subj: `lease.${encode(group)}.*`,
        }),
      );
      // One that is written again between two pages comes twice.
      for (const message of page) found.set(message.subject, message);
      const last = page.at(-1);
      if (!last || page.length < LEASES_PER_PAGE) return [...found.values()];
      seq = last.seq + 1;
    }
  }
}

/** None when nothing is found. */
async function collect(asked: Promise<QueuedIterator<StoredMsg>>): Promise<StoredMsg[]> {
  const messages: StoredMsg[] = [];
  try {
    const answers = await asked;
    // A lost connection would leave the iterator waiting for ever.
    const guard = setTimeout(() => answers.stop(new Error('no answer in time')), ANSWER_TIMEOUT_MS);
    try {
      for await (const message of answers) messages.push(message);
    } finally {
      clearTimeout(guard);
    }
  } catch (error) {
    if (codeOf(error) !== NOT_FOUND) throw error;
  }
  return messages;
}

async function ensureStream(manager: JetStreamManager, replicas: number): Promise<void> {
  try {
    await manager.streams.add({
      name: STREAM,
      subjects: ['lease.*.*'],
      storage: StorageType.Memory,
      retention: RetentionPolicy.Limits,
      discard: DiscardPolicy.Old,
      max_msgs_per_subject: 1,
      allow_direct: true,
      allow_msg_ttl: true,
      num_replicas: replicas,
    });
  } catch (error) {
    // Made before with another number of replicas: an operator's choice, and as good.
    if (!(error instanceof JetStreamApiError && error.code === NAME_IN_USE)) throw error;
  }
}

/** Groups and ids may hold anything; a subject's tokens may not. */
function encode(text: string): string {
  return Buffer.from(text).toString('base64url');
}

function decode(token: string): string {
  return Buffer.from(token, 'base64url').toString();
}

function ttlMsOf(header: MsgHdrs): number {
  return Number.parseInt(header.get(TTL), 10) * 1_000;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function isNobodyThere(error: unknown): boolean {
  return codeOf(error) === 503 || (error instanceof Error && error.message === 'no responders');
}
