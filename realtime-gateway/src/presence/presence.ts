import type { OwnPresence } from '@parley/contracts';
import type { LeaseStore, Logger, Signals } from '@parley/runtime';
import { monotonicNow } from '../clocks.ts';
import { type LeaseTimes, OwnLeases } from '../session/own-leases.ts';
import { presenceFrame } from '../session/presence-view.ts';
import { WatchTable } from '../session/watch-table.ts';
import { LeaseKeeper } from './keep-leases.ts';
import { Lookout, type ReadPrivacy } from './look-out.ts';

/** A socket as presence sees it. */
export interface PresentSocket {
  readonly connection: string;
  readonly userId: string;
  readonly feed: { whisper(frame: Uint8Array): boolean; readonly closed: boolean };
}

/** Counts of what presence costs. */
export interface PresenceObserver {
  leasesWritten(leases: number): void;
  usersRead(users: number): void;
  usersAnnounced(users: number): void;
  frameSent(): void;
}

export interface PresenceOptions {
  leases: LeaseStore;
  signals: Signals;
  privacy: ReadPrivacy;
  logger: Logger;
  observer: PresenceObserver;
  times?: Partial<PresenceTimes>;
}

/** In milliseconds. */
export interface PresenceTimes extends LeaseTimes {
  /** How often there is work to do. */
  tickMs: number;
  /** A socket is told at most this often. */
  tellMs: number;
  /** Other processes write their leases anew for so long when the store is back; nobody is believed gone before. */
  settleMs: number;
  /** Store not readable for so long: what was known counts no more. */
  unknownMs: number;
}

const TIMES: PresenceTimes = {
  ttlMs: 45_000,
  renewMs: 15_000,
  graceMs: 5_000,
  seenMs: 60_000,
  tickMs: 250,
  tellMs: 1_000,
  // Redis is tried again after up to a second, and each attempt may take two.
  settleMs: 5_000,
  unknownMs: 2_000,
};

/**
 * Who is there, over all processes. A socket holds a lease that its process renews; nobody counts on being told that
 * one closed. Everything goes in rounds over many users: a storm of reconnects costs in proportion to its sockets.
 */
export class Presence {
  readonly #table = new WatchTable<PresentSocket>();
  readonly #own: OwnLeases;
  readonly #keeper: LeaseKeeper;
  readonly #lookout: Lookout;
  readonly #observer: PresenceObserver;
  readonly #tellMs: number;
  readonly #clock: NodeJS.Timeout;
  readonly #endReturns: () => void;
  /** When a socket last said whom it watches… */
  readonly #watchedAt = new WeakMap<PresentSocket, number>();
  /** …and what it has said since, too soon. */
  readonly #waiting = new Map<PresentSocket, readonly string[]>();
  #toldAt = 0;

  constructor(options: PresenceOptions) {
    const { leases, signals, privacy, logger, observer, times: given } = options;
    const times = { ...TIMES, ...given };
    this.#own = new OwnLeases(times);
    this.#keeper = new LeaseKeeper(this.#own, {
      leases,
      signals,
      logger,
      observer,
      changed: (users) => this.#lookout.changed(users),
    });
    this.#lookout = new Lookout(this.#table, {
      leases,
      signals,
      privacy,
      logger,
      observer,
      times,
      known: (user, stored) => this.#own.withOwn(user, stored),
      looked: () => this.#answer(),
    });
    this.#observer = observer;
    this.#tellMs = times.tellMs;
    const ends = [
      leases.onReturn(() => this.#storeReturned()),
      signals.onReturn(() => {
        this.#keeper.announceAll();
        this.#lookout.checkAll();
      }),
    ];
    this.#endReturns = () => {
      for (const end of ends) end();
    };
    this.#clock = setInterval(() => this.#tick(monotonicNow()), times.tickMs);
  }

  /** The socket is there, in this state. */
  enter(socket: PresentSocket, state: OwnPresence): void {
    this.#own.hold(socket.connection, socket.userId, state);
    this.#lookout.cameHere(socket.userId);
  }

  change(socket: PresentSocket, state: OwnPresence): void {
    this.#own.change(socket.connection, state);
  }

  /** A commit has said that a user lets others see more or less. */
  factsChanged(userId: string): void {
    this.#lookout.factsChanged(userId);
  }

  /**
   * Instead of those watched before. The socket is told how all of them look as soon as that is known: of what it asks
   * within a second of the last time, the last counts, when that second is over.
   */
  watch(socket: PresentSocket, users: readonly string[]): void {
    const now = monotonicNow();
    if (now < this.#nextWatchAt(socket)) this.#waiting.set(socket, users);
    else this.#watch(socket, users, now);
  }

  #nextWatchAt(socket: PresentSocket): number {
    return (this.#watchedAt.get(socket) ?? Number.NEGATIVE_INFINITY) + this.#tellMs;
  }

  #watch(socket: PresentSocket, users: readonly string[], now: number): void {
    this.#watchedAt.set(socket, now);
    this.#waiting.delete(socket);
    this.#table.watch(socket, users);
    this.#answer();
    // A tick of the event loop later, with whoever else asks in this one.
    setImmediate(() => void this.#lookout.round());
  }

  /** The socket is gone, or closing: for a short time it may come back without anybody noticing. */
  leave(socket: PresentSocket): void {
    this.#own.release(socket.connection, monotonicNow());
    this.#waiting.delete(socket);
    this.#table.forget(socket);
  }

  /** Lets go of every lease; others see it after the grace. */
  async stop(): Promise<void> {
    clearInterval(this.#clock);
    this.#endReturns();
    this.#lookout.stop();
    this.#own.releaseAll(monotonicNow());
    await this.#keeper.finish();
  }

  #storeReturned(): void {
    this.#own.renewAll();
    void this.#keeper.round();
    this.#lookout.storeReturned();
  }

  #tick(now: number): void {
    for (const [socket, users] of this.#waiting) {
      if (now >= this.#nextWatchAt(socket)) this.#watch(socket, users, now);
    }
    void this.#keeper.round();
    void this.#lookout.round();
    if (now < this.#toldAt + this.#tellMs) return;
    this.#toldAt = now;
    this.#give(this.#table.tellings());
  }

  #answer(): void {
    this.#give(this.#table.answers());
  }

  #give(owed: ReturnType<WatchTable<PresentSocket>['tellings']>): void {
    for (const [socket, views] of owed) {
      if (socket.feed.closed) continue;
      if (socket.feed.whisper(presenceFrame(views))) {
        this.#table.told(socket);
        this.#observer.frameSent();
      } else this.#table.postpone(socket);
    }
  }
}
