import { formatPosition, type RevokedReason, type ServerFrame, SOCKET_LIMITS } from '@parley/contracts';
import { bytesOf } from './session/bytes.ts';
import type { Item } from './session/item.ts';
import { encodeFrame, Outbox, overflows, Run } from './session/outbox.ts';

const FLUSH_MS = 5;

/** A socket as the feed sees it. `written` is called when the bytes have left the process, or never will. */
export interface Wire {
  readonly bufferedBytes: number;
  send(frame: Uint8Array, written?: () => void): void;
}

/**
 * Sends what feeds have collected: at once after a pause, else every 5 ms. Feeds collect from a common start, so that
 * those with the same commits share one frame.
 */
export class FlushRound {
  #start = Run.start();
  #waiting: Feed[] = [];
  #flushedAt = 0;
  #scheduled = false;

  get start(): Run {
    return this.#start;
  }

  enlist(feed: Feed): void {
    this.#waiting.push(feed);
    if (this.#scheduled) return;
    this.#scheduled = true;
    const wait = this.#flushedAt + FLUSH_MS - performance.now();
    if (wait <= 0) setImmediate(() => this.flush());
    else setTimeout(() => this.flush(), wait);
  }

  flush(): void {
    const feeds = this.#waiting;
    this.#waiting = [];
    this.#scheduled = false;
    this.#start = Run.start();
    // Before the sockets, not after: a thousand of them take longer than the interval, and it must not be added.
    this.#flushedAt = performance.now();
    for (const feed of feeds) feed.flush();
  }
}

export interface FeedObserver {
  delivered(commits: number): void;
  /** The socket's queue is full: it must be closed. */
  overflowed(): void;
}

/** One socket's share of the log. Everything it sends goes out in the order in which it was given. */
export class Feed {
  readonly #wire: Wire;
  readonly #epoch: string;
  readonly #round: FlushRound;
  readonly #observer: FeedObserver;
  readonly #outbox = new Outbox();
  #phase: 'silent' | 'replaying' | 'live' | 'closed' = 'silent';
  #position = 0;
  #onClose: (() => void)[] = [];

  constructor(wire: Wire, options: { epoch: string; round: FlushRound; observer: FeedObserver }) {
    this.#wire = wire;
    this.#epoch = options.epoch;
    this.#round = options.round;
    this.#observer = options.observer;
  }

  get closed(): boolean {
    return this.#phase === 'closed';
  }

  /** Bytes queued for the socket, here and in the transport. */
  get queuedBytes(): number {
    return this.#outbox.bytes + this.#wire.bufferedBytes;
  }

  /** Replay starts: from here on the client is told of revoked conversations. */
  begin(position: number): void {
    this.#phase = 'replaying';
    this.#position = position;
  }

  /** A commit as it happens; until the replay has caught up, the replay brings it. */
  offer(item: Item): void {
    if (this.#phase !== 'live') return;
    if (this.#outbox.empty) this.#round.enlist(this);
    if (this.#outbox.add(item, this.#round.start)) this.flush();
  }

  /** A page of a replay: everything visible up to `position`. Resolves when the client's side has taken it. */
  replay(items: readonly Item[], position: number): Promise<void> {
    return new Promise((resolve) => {
      this.#position = position;
      if (items.length === 0 || this.closed) {
        resolve();
        return;
      }
      this.#onClose.push(resolve);
      this.#send(encodeFrame(items), items.length, () => {
        this.#onClose = this.#onClose.filter((listener) => listener !== resolve);
        resolve();
      });
    });
  }

  /** The replay has reached `position`, the end of the log as this process knows it: commits flow from here. */
  goLive(position: number): void {
    if (this.closed) return;
    this.#phase = 'live';
    this.say({ t: 'live', position: formatPosition(this.#epoch, position) });
  }

  revoke(conversation: string, reason: RevokedReason): void {
    if (this.#phase === 'replaying' || this.#phase === 'live')
      this.say({ t: 'revoked', conversation, reason });
  }

  /** `tail`: the last commit that was offered to the feeds. */
  heartbeat(tail: number): void {
    if (this.#phase === 'silent') return;
    const sequence = this.#phase === 'live' ? tail : this.#position;
    this.say({ t: 'hb', position: formatPosition(this.#epoch, sequence) });
  }

  say(frame: ServerFrame): void {
    this.flush();
    if (!this.closed) this.#send(bytesOf(JSON.stringify(frame)), 0);
  }

  flush(): void {
    const run = this.#outbox.take();
    if (run && !this.closed) this.#send(run.frame(), run.length);
  }

  #send(frame: Uint8Array, commits: number, written?: () => void): void {
    if (overflows(this.#wire.bufferedBytes, frame.length, SOCKET_LIMITS.queueBytes)) {
      this.#observer.overflowed();
      return;
    }
    this.#wire.send(frame, written);
    if (commits > 0) this.#observer.delivered(commits);
  }

  /** Runs when the feed closes; at once when it is closed. */
  whenClosed(listener: () => void): void {
    if (this.closed) listener();
    else this.#onClose.push(listener);
  }

  close(): void {
    if (this.closed) return;
    this.#phase = 'closed';
    this.#outbox.take();
    const listeners = this.#onClose;
    this.#onClose = [];
    for (const listener of listeners) listener();
  }
}
