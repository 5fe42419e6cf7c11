import type { OwnPresence } from '@parley/contracts';
import type { LeaseStore, Logger, Signals } from '@parley/runtime';
import { type LeaseTimes, OwnLeases } from '../session/own-leases.ts';
import { type Privacy, presenceFrame } from '../session/presence-view.ts';
import { WatchTable } from '../session/watch-table.ts';
import { LeaseKeeper } from './keep-leases.ts';
import { Lookout } from './look-out.ts';

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
  frameSent(users: number): void;
}

export interface PresenceOptions {
  leases: LeaseStore;
  signals: Signals;
  /** What each of some users lets others see. */
  privacy: (users: readonly string[]) => Promise<Map<string, Privacy>>;
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
  settleMs: 2_000,
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
  #toldAt = 0;

  constructor(options: PresenceOptions) {
    const times = { ...TIMES, ...options.times };
    this.#own = new OwnLeases(times);
    this.#keeper = new LeaseKeeper(this.#own, options);
    this.#lookout = new Lookout(this.#table, { ...options, times, looked: () => this.#answer() });
    this.#observer = options.observer;
    this.#tellMs = times.tellMs;
    this.#endReturns = options.leases.onReturn(() => {
      this.#own.renewAll();
      void this.#keeper.round();
      this.#lookout.storeReturned();
    });
    this.#clock = setInterval(() => this.#tick(Date.now()), times.tickMs);
  }

  /** The socket is there, in this state. */
  enter(socket: PresentSocket, state: OwnPresence): void {
    this.#own.hold(socket.connection, socket.userId, state);
  }

  change(socket: PresentSocket, state: OwnPresence): void {
    this.#own.change(socket.connection, state);
  }

  /** Instead of those watched before. The socket is told how all of them look as soon as that is known. */
  watch(socket: PresentSocket, users: readonly string[]): void {
    this.#table.watch(socket, users);
    this.#answer();
    // A tick of the event loop later, with whoever else asks in this one.
    setImmediate(() => void this.#lookout.round());
  }

  /** The socket is gone, or closing: for a short time it may come back without anybody noticing. */
  leave(socket: PresentSocket): void {
    this.#own.release(socket.connection, Date.now());
    this.#table.forget(socket);
  }

  /** Lets go of every lease; others see it after the grace. */
  async stop(): Promise<void> {
    clearInterval(this.#clock);
    this.#endReturns();
    this.#lookout.stop();
    this.#own.releaseAll(Date.now());
    await this.#keeper.finish();
  }

  #tick(now: number): void {
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
        this.#observer.frameSent(views.length);
      } else this.#table.postpone(socket);
    }
  }
}
