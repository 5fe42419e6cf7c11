import { Connection, type SocketConstructor } from './connection.ts';
import type { Freshness, StopFault, SubscriptionItem } from './connection-model.ts';
import { ParleyError } from './parley-error.ts';

/** Items that may wait for the consumer; beyond it the socket is closed, and opened again at half. */
const MAX_WAITING = 10_000;

/**
 * Keeps the position, and whatever the application derives from the items, over restarts. `save` gets both so that it
 * can write them in one transaction; it is awaited before the item is handed out. `item` is null when only the
 * position moved.
 */
export interface PositionStore {
  load(): Promise<string | null> | string | null;
  save(change: { position: string; item: SubscriptionItem | null }): Promise<void> | void;
}

export interface SubscribeOptions {
  /** Where to go on from; null or absent = from now on. A store's position wins. */
  since?: string | null;
  store?: PositionStore;
  onState?: (state: Freshness) => void;
}

export interface SubscriptionEnvironment {
  gateway: string;
  token: () => Promise<string> | string;
  device?: string;
  WebSocket: SocketConstructor;
}

type Entry = { item: SubscriptionItem; position: string } | { item: null; position: string };

/**
 * Everything the user may see, in log order, each commit once, over any number of connections. Iterate it once; ending
 * the loop closes it. The loop throws a ParleyError when the server says to stop.
 */
export class Subscription implements AsyncIterable<SubscriptionItem> {
  readonly #environment: SubscriptionEnvironment;
  readonly #options: SubscribeOptions;
  #connection: Connection | null = null;
  #waiting: Entry[] = [];
  #taken = 0;
  #paused = false;
  #wake: (() => void) | null = null;
  #position: string | null = null;
  #state: Freshness = 'loading';
  #end: { fault: StopFault | null } | null = null;

  constructor(environment: SubscriptionEnvironment, options: SubscribeOptions) {
    this.#environment = environment;
    this.#options = options;
    this.#position = options.since ?? null;
  }

  /** Of the last item handed out: what to pass as `since` to go on after it. */
  get position(): string | null {
    return this.#position;
  }

  get state(): Freshness {
    return this.#state;
  }

  close(): void {
    this.#end ??= { fault: null };
    this.#connection?.stop();
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<SubscriptionItem> {
    if (this.#connection) throw new Error('a subscription can be iterated once');
    try {
      await this.#start();
      for (;;) {
        const entry = await this.#next();
        if (!entry) return;
        // C3: the position is moved, and stored, before the consumer's code runs.
        this.#position = entry.position;
        await this.#options.store?.save({ position: entry.position, item: entry.item });
        if (entry.item) yield entry.item;
      }
    } finally {
      this.close();
    }
  }

  async #start(): Promise<void> {
    const stored = await this.#options.store?.load();
    this.#position = stored ?? this.#position;
    const connection = new Connection({
      url: this.#environment.gateway,
      since: this.#position,
      token: this.#environment.token,
      WebSocket: this.#environment.WebSocket,
      ...(this.#environment.device !== undefined && { device: this.#environment.device }),
      deliver: (item) => this.#push({ item, position: item.position }),
      moved: (position) => this.#push({ item: null, position }),
      changed: ({ freshness }) => {
        this.#state = freshness;
        this.#options.onState?.(freshness);
      },
      ended: (fault) => {
        this.#end ??= { fault };
        this.#wake?.();
      },
    });
    this.#connection = connection;
    if (!this.#end) connection.start();
  }

  #push(entry: Entry): void {
    const last = this.#waiting.at(-1);
    // Bare positions are merged: an idle consumer would collect one per heartbeat.
    if (last && entry.item === null && last.item === null) last.position = entry.position;
    else this.#waiting.push(entry);
    this.#wake?.();
    if (this.#waiting.length - this.#taken < MAX_WAITING || this.#paused) return;
    this.#paused = true;
    // Not from within the frame that filled it: its other commits are still being handed over.
    queueMicrotask(() => {
      if (this.#paused) this.#connection?.full();
    });
  }

  async #next(): Promise<Entry | null> {
    for (;;) {
      if (this.#end && this.#end.fault === null) return null;
      const entry = this.#waiting[this.#taken];
      if (entry) {
        this.#advance();
        return entry;
      }
      if (this.#end?.fault) throw stopError(this.#end.fault);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
  }

  #advance(): void {
    this.#taken++;
    if (this.#taken === this.#waiting.length || this.#taken >= 1_024) {
      this.#waiting = this.#waiting.slice(this.#taken);
      this.#taken = 0;
    }
    if (this.#paused && this.#waiting.length - this.#taken <= MAX_WAITING / 2) {
      this.#paused = false;
      this.#connection?.drained();
    }
  }
}

function stopError({ code, reason }: StopFault): ParleyError {
  const detail = `the server closed the connection for good: ${code} ${reason}`;
  return new ParleyError({
    code: code === 4500 ? 'unauthenticated' : 'connection-closed',
    status: code,
    detail,
  });
}
