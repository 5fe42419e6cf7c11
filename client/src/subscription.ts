import type { OwnPresence, SeenPresence } from '@parley/contracts';
import { checkFrame } from './check-frame.ts';
import { Connection, type SocketConstructor } from './connection.ts';
import type { Feed, Freshness, StopFault, SubscriptionItem, TypingSignal } from './connection-model.ts';
import { stopError } from './stop-error.ts';

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
  /** `none`: only what is followed, for bots; everything the user may see unless told. */
  feed?: Feed;
  /** What others see of this user; `active` unless told. */
  presence?: OwnPresence;
  onTyping?: (signal: TypingSignal) => void;
  /** Of watched users: all of them at first, then those that changed. */
  onPresence?: (seen: readonly SeenPresence[]) => void;
}

export interface SubscriptionEnvironment {
  gateway: string;
  token: () => Promise<string> | string;
  device?: string;
  WebSocket: SocketConstructor;
  /** Hears of each item before the consumer does. */
  heard?: (item: SubscriptionItem) => void;
  /** The network is there, and the server with it. */
  cameLive?: () => void;
}

type Entry = { item: SubscriptionItem; position: string } | { item: null; position: string };

/**
 * Everything the user may see, in log order, each commit once, over any number of connections. Iterate it once; ending
 * the loop closes it. The loop throws a ParleyError when the server says to stop.
 */
export class Subscription implements AsyncIterable<SubscriptionItem> {
  readonly #options: SubscribeOptions;
  readonly #connection: Connection;
  #started = false;
  #waiting: Entry[] = [];
  #taken = 0;
  #paused = false;
  #wake: (() => void) | null = null;
  #position: string | null = null;
  #state: Freshness = 'loading';
  #end: { fault: StopFault | null } | null = null;

  constructor(environment: SubscriptionEnvironment, options: SubscribeOptions) {
    this.#options = options;
    this.#position = options.since ?? null;
    this.#connection = this.#connect(environment);
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
    this.#connection.stop();
    this.#wake?.();
  }

  /**
   * Brings one conversation from after a version on: for those that the feed does not bring, public channels and
   * broadcasts. Goes on over reconnects until `unfollow`, `revoked` or `follow-refused`. Called again it begins from
   * the new place: do that with the version that was loaded after a reset. At most 200 at once. Throws ParleyError
   * when an argument is none.
   */
  follow(conversation: string, from: number | 'head'): void {
    checkFrame({ t: 'sub', id: 0, conversation, from });
    this.#connection.follow(conversation, from);
  }

  unfollow(conversation: string): void {
    this.#connection.unfollow(conversation);
  }

  /** Call it at every key; it is said at most every 3 s, and lost while there is no connection. */
  typing(conversation: string, on: boolean): void {
    checkFrame({ t: 'typing', conversation, on });
    this.#connection.typing(conversation, on);
  }

  setPresence(state: OwnPresence): void {
    checkFrame({ t: 'presence', state });
    this.#connection.setPresence(state);
  }

  /** Whose presence `onPresence` tells, instead of those before; at most 200 users. Throws ParleyError. */
  watch(users: readonly string[]): void {
    checkFrame({ t: 'watch', id: 0, users: [...users] });
    this.#connection.watch([...users]);
  }

  async *[Symbol.asyncIterator](): AsyncIterator<SubscriptionItem> {
    if (this.#started) throw new Error('a subscription can be iterated once');
    this.#started = true;
    try {
      await this.#start();
      for (;;) {
        const entry = await this.#next();
        if (!entry) return;
        await this.#options.store?.save({ position: entry.position, item: entry.item });
        // C3: before the consumer's code runs, and not before it is stored: else it would be of an item never handed out.
        this.#position = entry.position;
        if (entry.item) yield entry.item;
      }
    } finally {
      this.close();
    }
  }

  async #start(): Promise<void> {
    const stored = await this.#options.store?.load();
    this.#position = stored ?? this.#position;
    if (!this.#end) this.#connection.start(this.#position);
  }

  #connect({ gateway, token, WebSocket, device, heard, cameLive }: SubscriptionEnvironment): Connection {
    const { feed, presence, onState, onTyping, onPresence } = this.#options;
    return new Connection({
      url: gateway,
      token,
      WebSocket,
      feed,
      presence,
      ...(device !== undefined && { device }),
      deliver: (item) => {
        heard?.(item);
        this.#push({ item, position: item.position });
      },
      moved: (position) => this.#push({ item: null, position }),
      changed: ({ freshness }) => {
        this.#state = freshness;
        if (freshness === 'fresh') cameLive?.();
        onState?.(freshness);
      },
      // Not from within a frame: what the application throws must not cost the items that the frame brings.
      typing: (signal) => onTyping && queueMicrotask(() => onTyping(signal)),
      seen: (seen) => onPresence && queueMicrotask(() => onPresence(seen)),
      ended: (fault) => {
        this.#end ??= { fault };
        this.#wake?.();
      },
    });
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
      if (this.#paused) this.#connection.full();
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
      this.#connection.drained();
    }
  }
}
