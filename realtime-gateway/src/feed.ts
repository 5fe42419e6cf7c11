import { formatPosition, type RevokedReason, type ServerFrame, SOCKET_LIMITS } from '@parley/contracts';
import { bytesOf } from './session/bytes.ts';
import type { Item } from './session/item.ts';
import { encodeFrame, Outbox, overflows, Run } from './session/outbox.ts';
import type { Transport } from './session/pulse.ts';

const FLUSH_MS = 5;
/** A flush may take up to a quarter of the time: what costs little need not wait for company. */
const PAUSE_PER_FLUSH = 4;
/** For a socket whose queue is half full: fewer and larger frames cost both sides less. */
const SLOW_FLUSH_MS = 50;
/** Longest time for a page, and what waits before it. Who takes it byte by byte would else hold it for hours. */
const PAGE_DEADLINE_MS = 30_000;
const HALF_QUEUE_BYTES = SOCKET_LIMITS.queueBytes / 2;

/** A socket as the feed sees it. `written` is called when the bytes have left the process, or never will. */
export interface Wire {
  readonly bufferedBytes: number;
  send(frame: Uint8Array, written?: () => void): void;
}

/**
 * Sends what feeds have collected: at once after a pause, else after the interval. Feeds collect from a common start,
 * so that those with the same commits share one frame.
 */
class Round {
  readonly #intervalMs: number;
  /** Whether a flush that took little may be followed sooner. */
  readonly #isEager: boolean;
  #start = Run.start();
  #waiting: Feed[] = [];
  #dueAt = 0;
  #scheduled = false;

  constructor(intervalMs: number, isEager: boolean) {
    this.#intervalMs = intervalMs;
    this.#isEager = isEager;
  }

  get start(): Run {
    return this.#start;
  }

  enlist(feed: Feed): void {
    this.#waiting.push(feed);
    if (this.#scheduled) return;
    this.#scheduled = true;
    const wait = this.#dueAt - performance.now();
    if (wait <= 0) setImmediate(() => this.flush());
    else setTimeout(() => this.flush(), wait);
  }

  flush(): void {
    const feeds = this.#waiting;
    this.#waiting = [];
    this.#scheduled = false;
    this.#start = Run.start();
    // From before the sockets, not after: a thousand of them take longer than the interval, and it must not be added.
    const began = performance.now();
    for (const feed of feeds) feed.flush();
    const pause = PAUSE_PER_FLUSH * (performance.now() - began);
    this.#dueAt = began + (this.#isEager ? Math.min(this.#intervalMs, pause) : this.#intervalMs);
  }
}

/** What the feeds of a process share: a flush interval for sockets that keep up, and one for those that do not. */
export class FlushRound {
  readonly prompt = new Round(FLUSH_MS, true);
  readonly slow = new Round(SLOW_FLUSH_MS, false);
  #delivered = 0;

  /** Counted here and not at each socket: that would be three calls for every delivery. */
  count(commits: number): void {
    this.#delivered += commits;
  }

  /** Commits sent since the last call, once for each socket. */
  takeDelivered(): number {
    const delivered = this.#delivered;
    this.#delivered = 0;
    return delivered;
  }

  flush(): void {
    this.prompt.flush();
    this.slow.flush();
  }
}

export interface FeedObserver {
  /** The socket's queue is full: it must be closed. */
  overflowed(): void;
}

/** One socket's share of the log. Everything it sends goes out in the order in which it was given. */
export class Feed {
  readonly #wire: Wire;
  readonly #epoch: string;
  readonly #rounds: FlushRound;
  readonly #observer: FeedObserver;
  readonly #outbox = new Outbox();
  #round: Round;
  /** Bytes in the transport after the last frame: now there are as many, or fewer. */
  #bufferedAtMost = 0;
  #sentBytes = 0;
  #phase: 'silent' | 'replaying' | 'live' | 'closed' = 'silent';
  #position = 0;
  #onClose: (() => void)[] = [];

  constructor(wire: Wire, options: { epoch: string; round: FlushRound; observer: FeedObserver }) {
    this.#wire = wire;
    this.#epoch = options.epoch;
    this.#rounds = options.round;
    this.#round = options.round.prompt;
    this.#observer = options.observer;
  }

  get closed(): boolean {
    return this.#phase === 'closed';
  }

  /** What waits in the transport, and what of all that was sent has left it. */
  get transport(): Transport {
    const { bufferedBytes } = this.#wire;
    return { bufferedBytes, takenBytes: this.#sentBytes - bufferedBytes };
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
    if (this.#outbox.empty) this.#collect();
    if (this.#outbox.add(item, this.#round.start)) this.flush();
  }

  #collect(): void {
    const isSlow = this.#bufferedAtMost > HALF_QUEUE_BYTES && this.#halfFull(0);
    this.#round = isSlow ? this.#rounds.slow : this.#rounds.prompt;
    this.#round.enlist(this);
  }

  /** A page of a replay: everything visible up to `position`. Resolves when the client's side has taken it. */
  replay(items: readonly Item[], position: number): Promise<void> {
    this.#position = position;
    return items.length === 0 ? Promise.resolve() : this.page(encodeFrame(items), items.length);
  }

  /**
   * One frame of history, whatever conversation it is of: it moves no position. Resolves when the client's side has
   * taken it, or the feed is closed; one that takes longer than the deadline overflows.
   */
  page(frame: Uint8Array, commits: number): Promise<void> {
    return new Promise((resolve) => {
      this.flush();
      if (this.closed) {
        resolve();
        return;
      }
      const deadline = setTimeout(() => this.#observer.overflowed(), PAGE_DEADLINE_MS);
      const end = (): void => {
        clearTimeout(deadline);
        resolve();
      };
      this.#onClose.push(end);
      this.#send(frame, commits, () => {
        this.#onClose = this.#onClose.filter((listener) => listener !== end);
        end();
      });
    });
  }

  /** A frame that may be lost: false, and nothing is sent, unless the feed is live and its queue less than half full. */
  whisper(frame: Uint8Array): boolean {
    if (this.#phase !== 'live' || this.#halfFull(frame.length)) return false;
    // Not after what waits to be sent: the order between the log and what passes beside it means nothing.
    this.#send(frame, 0);
    return true;
  }

  #halfFull(frameBytes: number): boolean {
    return overflows(this.queuedBytes, frameBytes, HALF_QUEUE_BYTES);
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
    const { bufferedBytes } = this.#wire;
    if (overflows(bufferedBytes, frame.length, SOCKET_LIMITS.queueBytes)) {
      this.#observer.overflowed();
      return;
    }
    this.#bufferedAtMost = bufferedBytes + frame.length;
    this.#sentBytes += frame.length;
    this.#wire.send(frame, written);
    this.#rounds.count(commits);
  }

  /** Runs when the feed closes; at once when it is closed. */
  whenClosed(listener: () => void): void {
    if (this.closed) listener();
    // Most have one, and the first push would make room for seventeen.
    else if (this.#onClose.length === 0) this.#onClose = [listener];
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
