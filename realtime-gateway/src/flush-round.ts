import { monotonicNow } from './clocks.ts';
import { PageFrames } from './page-frames.ts';
import { Run } from './session/outbox.ts';

const FLUSH_MS = 5;
/** A flush may take up to a quarter of the time: what costs little need not wait for company. */
const PAUSE_PER_FLUSH = 4;
/** For a socket whose queue is half full: fewer and larger frames cost both sides less. */
const SLOW_FLUSH_MS = 50;

/** Has something to send when it is told to. */
interface Collector {
  flush(): void;
}

/**
 * Sends what feeds have collected: at once after a pause, else after the interval. Feeds collect from a common start,
 * so that those with the same commits share one frame.
 */
export class Round {
  readonly #intervalMs: number;
  /** Whether a flush that took little may be followed sooner. */
  readonly #isEager: boolean;
  #start = Run.start();
  #waiting: Collector[] = [];
  #dueAt = 0;
  #scheduled = false;

  constructor(intervalMs: number, isEager: boolean) {
    this.#intervalMs = intervalMs;
    this.#isEager = isEager;
  }

  get start(): Run {
    return this.#start;
  }

  enlist(feed: Collector): void {
    this.#waiting.push(feed);
    if (this.#scheduled) return;
    this.#scheduled = true;
    const wait = this.#dueAt - monotonicNow();
    if (wait <= 0) setImmediate(() => this.flush());
    else setTimeout(() => this.flush(), wait);
  }

  flush(): void {
    const feeds = this.#waiting;
    this.#waiting = [];
    this.#scheduled = false;
    this.#start = Run.start();
    // From before the sockets, not after: a thousand of them take longer than the interval, and it must not be added.
    const began = monotonicNow();
    for (const feed of feeds) feed.flush();
    const pause = PAUSE_PER_FLUSH * (monotonicNow() - began);
    this.#dueAt = began + (this.#isEager ? Math.min(this.#intervalMs, pause) : this.#intervalMs);
  }
}

/** What the feeds of a process share: a flush interval for sockets that keep up, and one for those that do not. */
export class FlushRound {
  readonly prompt = new Round(FLUSH_MS, true);
  readonly slow = new Round(SLOW_FLUSH_MS, false);
  readonly pages = new PageFrames();
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
