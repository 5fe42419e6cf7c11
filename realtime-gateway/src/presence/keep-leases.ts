import type { Lease, LeaseStore, Logger, Signals } from '@parley/runtime';
import { monotonicNow, wallNow, wallTimeOf } from '../clocks.ts';
import { bytesOf } from '../session/bytes.ts';
import { isSeen, type LeaseWrite, type OwnLeases, seenLease } from '../session/own-leases.ts';
import { SEEN_TTL_MS, sightOf } from '../session/presence-view.ts';

/** Names of users whose leases have changed, as a JSON array. */
export const PRESENCE_SUBJECT = 'live.presence';

const BATCH = 2_000;
const USERS_PER_SIGNAL = 1_000;
const RETRY_MS = 1_000;

export interface LeaseKeeperOptions {
  leases: LeaseStore;
  signals: Signals;
  logger: Logger;
  /** These have changed, and it can be read: told here too, since what is said over core NATS may be lost. */
  changed: (users: readonly string[]) => void;
  observer: {
    leasesWritten(leases: number): void;
    usersRead(users: number): void;
    usersAnnounced(users: number): void;
  };
}

/** Writes this process's leases, and tells all processes whose have changed once they can be read. */
export class LeaseKeeper {
  readonly #own: OwnLeases;
  readonly #options: LeaseKeeperOptions;
  #running: Promise<void> | null = null;
  #retryAt = 0;
  #failing = false;
  #seenFailing = false;

  constructor(own: OwnLeases, options: LeaseKeeperOptions) {
    this.#own = own;
    this.#options = options;
  }

  /** Writes what is due; one round at a time. Never rejects: what could not be written is tried again. */
  round(): Promise<void> {
    if (monotonicNow() < this.#retryAt) return Promise.resolve();
    this.#running ??= this.#writeAll().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  /** The last round: with everything that has been let go until now. */
  async finish(): Promise<void> {
    await this.#running;
    this.#retryAt = 0;
    await this.round();
  }

  async #writeAll(): Promise<void> {
    for (;;) {
      const writes = this.#own.take(monotonicNow(), BATCH);
      if (writes.length === 0) return;
      try {
        await this.#write(writes);
        this.#failing = false;
      } catch (error) {
        if (!this.#failing) this.#options.logger.warn({ error }, 'presence leases cannot be written');
        this.#failing = true;
        this.#own.putBack(writes, monotonicNow());
        this.#retryAt = monotonicNow() + RETRY_MS;
        return;
      }
    }
  }

  async #write(writes: readonly LeaseWrite[]): Promise<void> {
    const { leases, observer } = this.#options;
    // Before the states: whoever reads in between must not see somebody gone who seems to go later once more.
    const all = await this.#seenIfReadable(writes);
    for (const write of writes) {
      const { userId: group, connection: id, state: value } = write;
      all.push({ group, id, value, ttlMs: this.#own.ttlMs(write) });
    }
    await leases.put(all);
    observer.leasesWritten(all.length);
    this.#announce(writes);
  }

  /** None when it cannot be read: nobody's presence waits for when somebody was last seen. */
  async #seenIfReadable(writes: readonly LeaseWrite[]): Promise<Lease[]> {
    try {
      const seen = await this.#seen(writes);
      this.#seenFailing = false;
      return seen;
    } catch (error) {
      if (!this.#seenFailing) this.#options.logger.warn({ error }, 'who is seen cannot be read');
      this.#seenFailing = true;
      this.#own.seenLater(writes);
      return [];
    }
  }

  /** When users are seen at this moment, which only the leases from before can say of one who hides now. */
  async #seen(writes: readonly LeaseWrite[]): Promise<Lease[]> {
    const byUser = new Map<string, LeaseWrite[]>();
    for (const write of writes) {
      if (!write.marksSeen) continue;
      const others = byUser.get(write.userId);
      if (others) others.push(write);
      else byUser.set(write.userId, [write]);
    }
    if (byUser.size === 0) return [];
    const held = await this.#options.leases.read([...byUser.keys()]);
    this.#options.observer.usersRead(byUser.size);
    const now = wallNow();
    return [...byUser]
      .filter(([group, own]) => isSeen(held.get(group) ?? [], own))
      .map(([group, own]) => {
        // What had to be written again is late, and must not turn back what others have written since.
        const known = sightOf(held.get(group) ?? [], now).lastSeen ?? 0;
        const at = Math.max(known, ...own.map(({ at }) => Math.round(wallTimeOf(at))));
        return { group, ...seenLease(at), ttlMs: SEEN_TTL_MS };
      });
  }

  #announce(writes: readonly LeaseWrite[]): void {
    const changed = new Set(writes.filter(({ kind }) => kind !== 'renewed').map(({ userId }) => userId));
    this.#options.changed([...changed]);
    this.#send([...changed]);
  }

  /** Says again that everybody here has changed, when what was said before may have been lost. */
  announceAll(): void {
    this.#send([...this.#own.users()]);
  }

  #send(users: readonly string[]): void {
    for (let at = 0; at < users.length; at += USERS_PER_SIGNAL) {
      const part = users.slice(at, at + USERS_PER_SIGNAL);
      this.#options.signals.send(PRESENCE_SUBJECT, bytesOf(JSON.stringify(part)));
    }
    this.#options.observer.usersAnnounced(users.length);
  }
}
