import { createClient, type Subscription, type SubscriptionItem } from '@parley/client';
import { parsePosition } from '@parley/contracts';
import WebSocket from 'ws';

interface DropClientOptions {
  userId: string;
  /** Conversations of the user, none of them beyond version 1 at `since`. */
  rooms: readonly string[];
  /** They are public channels in which the user is only a visitor. */
  visits: boolean;
  token: string;
  since: string;
  /** Sockets of the gateways: each attempt goes to the one after the last attempt's. */
  urls: readonly string[];
  first: number;
  commandApi: string;
  readApi: string;
}

/** One event of a conversation as it arrived. */
export interface Arrival {
  sequence: number;
  version: number;
  id: string;
  room: string;
}

/** A user with the SDK in their hands, who keeps what they are given and looks at it as an application can. */
export class DropClient {
  readonly userId: string;
  readonly rooms: readonly string[];
  readonly arrivals: Arrival[] = [];
  readonly resets: string[] = [];
  /** Versions that did not follow the last one although nothing had been said about it. */
  readonly undetected: string[] = [];
  /** Sockets that were opened, and those that were opened on another gateway than the one before. */
  opened = 0;
  moved = 0;
  fault: unknown = null;
  readonly #versions = new Map<string, number>();
  readonly #subscription: Subscription;
  readonly #ended: Promise<void>;

  constructor(options: DropClientOptions) {
    this.userId = options.userId;
    this.rooms = options.rooms;
    for (const room of options.rooms) this.#versions.set(room, 1);
    const client = createClient({
      commandApi: options.commandApi,
      readApi: options.readApi,
      gateway: options.urls[0] ?? '',
      token: () => options.token,
      WebSocket: this.#roaming(options) as never,
    });
    this.#subscription = client.subscribe({ since: options.since });
    this.#ended = this.#listen();
    if (options.visits) for (const room of options.rooms) this.#subscription.follow(room, 1);
  }

  get fresh(): boolean {
    if (this.fault) throw this.fault;
    return this.#subscription.state === 'fresh';
  }

  /** Sequence up to which everything was handed over. */
  get reached(): number {
    if (this.fault) throw this.fault;
    return parsePosition(this.#subscription.position ?? '')?.sequence ?? 0;
  }

  has(room: string, version: number): boolean {
    return (this.#versions.get(room) ?? 0) >= version;
  }

  async close(): Promise<void> {
    this.#subscription.close();
    await this.#ended;
  }

  #roaming({ urls, first }: DropClientOptions) {
    let attempt = first;
    let last = '';
    const opened = (url: string): void => {
      this.opened++;
      if (last !== '' && last !== url) this.moved++;
      last = url;
    };
    return class extends WebSocket {
      constructor(_url: string, protocol: string) {
        const url = urls[attempt++ % urls.length] ?? '';
        super(url, protocol, { perMessageDeflate: false });
        this.on('open', () => opened(url));
      }
    };
  }

  async #listen(): Promise<void> {
    try {
      for await (const item of this.#subscription) this.#take(item);
    } catch (error) {
      this.fault = error;
    }
  }

  #take(item: SubscriptionItem): void {
    if (item.kind === 'reset') {
      this.resets.push(item.reason);
      this.#versions.clear();
    }
    if (item.kind !== 'commit' && item.kind !== 'followed') return;
    const { seq, events } = item.commit;
    for (const { id, subject, version } of events) {
      if (version === undefined) continue;
      const room = subject.slice(subject.indexOf('/') + 1);
      const last = this.#versions.get(room);
      if (last !== undefined && version !== last + 1)
        this.undetected.push(`${room}: ${version} after ${last}`);
      this.#versions.set(room, version);
      this.arrivals.push({ sequence: seq, version, id, room });
    }
  }
}
