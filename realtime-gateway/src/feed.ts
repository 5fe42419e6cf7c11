import { formatPosition, type RevokedReason, type ServerFrame, SOCKET_LIMITS } from '@parley/contracts';
import type { FlushRound, Round } from './flush-round.ts';
import { bytesOf, framedLength } from './session/bytes.ts';
import type { Item } from './session/item.ts';
import { Outbox, overflows } from './session/outbox.ts';
import type { Transport } from './session/pulse.ts';
import type { User } from './session/user.ts';

/** For a page, and what waits before it. Who takes it byte by byte would else hold it for hours. */
const PAGE_GRACE_MS = 10_000;
const PAGE_BYTES_PER_SECOND = 2_048;
const NOBODY: readonly (() => void)[] = [];
const HALF_QUEUE_BYTES = SOCKET_LIMITS.queueBytes / 2;

/** Longest time for a page: a link that carries so little a second gets its history, however often it is cut. */
function pageDeadlineMs(bytes: number): number {
  return PAGE_GRACE_MS + (bytes / PAGE_BYTES_PER_SECOND) * 1_000;
}

/** A socket as the feed sees it. `written` is called when the bytes have left the process, or never will. */
export interface Wire {
  readonly bufferedBytes: number;
  send(frame: Uint8Array, written?: () => void): void;
  /** What is sent until this tick is over leaves in one write. */
  gather?(): void;
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
  /** With their heads, as the transport counts what waits in it. */
  #sentBytes = 0;
  /** On their way to the client. */
  #pages = 0;
  #phase: 'silent' | 'replaying' | 'live' | 'closed' = 'silent';
  #position = 0;
  #user: Pick<User<Feed>, 'leave'> | null = null;
  /** None for most: an array of its own for each would be memory for nothing. */
  #onClose: readonly (() => void)[] = NOBODY;

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

  get transport(): Transport {
    const { bufferedBytes } = this.#wire;
    return { bufferedBytes, sentBytes: this.#sentBytes, isPaging: this.#pages > 0 };
  }

  /** Bytes queued for the socket, here and in the transport. */
  get queuedBytes(): number {
    return this.#outbox.bytes + this.#wire.bufferedBytes;
  }

  /** Replay starts: from here on the client is told of revoked conversations. */
  begin(position: number): void {
    // Nearly always `welcome`, the one page of a short replay and `live`.
    this.#wire.gather?.();
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
    return items.length === 0 ? Promise.resolve() : this.page(this.#rounds.pages.of(items), items.length);
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
      const deadline = setTimeout(() => this.#observer.overflowed(), pageDeadlineMs(frame.length));
      this.#pages++;
      const end = (): void => {
        this.#pages--;
        clearTimeout(deadline);
        resolve();
      };
      this.whenClosed(end);
      this.#send(frame, commits, () => {
        const others = this.#onClose.filter((listener) => listener !== end);
        this.#onClose = others.length === 0 ? NOBODY : others;
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
    this.#sentBytes += framedLength(frame.length);
    this.#wire.send(frame, written);
    this.#rounds.count(commits);
  }

  /** What it is given, it is given as this user's: until it closes. */
  admitted(user: Pick<User<Feed>, 'leave'>): void {
    this.#user = user;
  }

  /** Runs when the feed closes; at once when it is closed. */
  whenClosed(listener: () => void): void {
    if (this.closed) listener();
    else this.#onClose = [...this.#onClose, listener];
  }

  close(): void {
    if (this.closed) return;
    this.#phase = 'closed';
    this.#outbox.take();
    const listeners = this.#onClose;
    this.#onClose = NOBODY;
    this.#user?.leave(this);
    this.#user = null;
    for (const listener of listeners) listener();
  }
}
