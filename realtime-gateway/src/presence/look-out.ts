import type { LeaseStore, Logger, Signals } from '@parley/runtime';
import { OPEN, type Privacy, type Sight, sightOf, unknownView, viewOf } from '../session/presence-view.ts';
import type { Watcher, WatchTable } from '../session/watch-table.ts';
import { PRESENCE_SUBJECT } from './keep-leases.ts';

const BATCH = 1_000;
const RETRY_MS = 1_000;
/** A lease ends by the store's clock: looking too early must not become looking all the time. */
const AFTER_END_MS = 100;
const MIN_CHECK_MS = 250;

export interface LookoutOptions {
  leases: LeaseStore;
  signals: Signals;
  privacy: (users: readonly string[]) => Promise<Map<string, Privacy>>;
  logger: Logger;
  observer: { usersRead(users: number): void };
  times: { ttlMs: number; settleMs: number; unknownMs: number };
  /** After each look. */
  looked: () => void;
}

/**
 * Looks at those who are watched here: when another process says that they changed, when their leases run out, and at
 * least once in a time to live, since what is said over core NATS may be lost. What users let others see is read in the
 * same look, so a new block shows by then.
 */
export class Lookout {
  readonly #table: WatchTable<Watcher>;
  readonly #options: LookoutOptions;
  readonly #stopListening: () => void;
  #running = false;
  #notBefore = 0;
  #failingSince: number | null = null;
  #privacyAway = false;

  constructor(table: WatchTable<Watcher>, options: LookoutOptions) {
    this.#table = table;
    this.#options = options;
    this.#stopListening = options.signals.listen(PRESENCE_SUBJECT, (payload) => this.#hear(payload));
  }

  stop(): void {
    this.#stopListening();
  }

  /** It may have lost leases, which their holders write again now: looking before would show them gone. */
  storeReturned(): void {
    this.#notBefore = Date.now() + this.#options.times.settleMs;
    for (const user of this.#table.watched()) this.#table.checkBy(user, 0);
  }

  /** Looks at all who are due; one round at a time. Never rejects. */
  async round(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      for (;;) {
        const now = Date.now();
        const users = now < this.#notBefore ? [] : this.#table.take(now, BATCH);
        if (users.length === 0) return;
        await this.#look(users);
        this.#options.looked();
      }
    } finally {
      this.#running = false;
    }
  }

  #hear(payload: Uint8Array): void {
    const { staleMs } = this.#options.leases;
    const now = Date.now();
    for (const user of readUsers(payload)) {
      this.#table.checkBy(user, now);
      if (staleMs > 0) this.#table.confirmAt(user, now + staleMs);
    }
  }

  async #look(users: readonly string[]): Promise<void> {
    const { leases, observer } = this.#options;
    try {
      const [held, privacy] = await Promise.all([leases.read(users), this.#privacy(users)]);
      observer.usersRead(users.length);
      this.#failingSince = null;
      const now = Date.now();
      if (now < this.#notBefore) {
        // The store came back meanwhile: what it answered may lack what it is about to be given again.
        for (const user of users) this.#table.checkBy(user, this.#notBefore);
        return;
      }
      for (const user of users) {
        const known = privacy ? (privacy.get(user) ?? OPEN) : this.#table.view(user)?.privacy;
        if (known) this.#see(user, sightOf(held.get(user) ?? []), known, now);
        else this.#table.see(user, unknownView(user, null), now + RETRY_MS);
      }
    } catch (error) {
      this.#fail(users, error);
    }
  }

  #see(user: string, sight: Sight, privacy: Privacy, now: number): void {
    const { ttlMs } = this.#options.times;
    const inMs = sight.endsInMs === null ? ttlMs : Math.min(sight.endsInMs + AFTER_END_MS, ttlMs);
    this.#table.see(user, viewOf(user, sight, privacy), now + Math.max(MIN_CHECK_MS, inMs));
  }

  /** Null when it cannot be read: what was known of it holds. */
  async #privacy(users: readonly string[]): Promise<Map<string, Privacy> | null> {
    try {
      const privacy = await this.#options.privacy(users);
      this.#privacyAway = false;
      return privacy;
    } catch (error) {
      if (!this.#privacyAway) {
        this.#options.logger.warn({ error }, 'what users let others see cannot be read');
      }
      this.#privacyAway = true;
      return null;
    }
  }

  /** Those never seen are unknown at once, the others when it lasts. */
  #fail(users: readonly string[], error: unknown): void {
    const now = Date.now();
    if (this.#failingSince === null) {
      this.#failingSince = now;
      this.#options.logger.warn({ error }, 'presence leases cannot be read');
    }
    this.#notBefore = Math.max(this.#notBefore, now + RETRY_MS);
    const lasting = now >= this.#failingSince + this.#options.times.unknownMs;
    const lost = lasting ? [...this.#table.watched()] : users.filter((user) => !this.#table.view(user));
    for (const user of lost) {
      const privacy = this.#table.view(user)?.privacy ?? null;
      this.#table.see(user, unknownView(user, privacy), this.#notBefore);
    }
    for (const user of users) this.#table.checkBy(user, this.#notBefore);
  }
}

/** Anybody may publish on the subject who may publish at all: what is not a list of names is passed over. */
function readUsers(payload: Uint8Array): string[] {
  try {
    const users: unknown = JSON.parse(new TextDecoder().decode(payload));
    return Array.isArray(users) ? users.filter((user) => typeof user === 'string') : [];
  } catch {
    return [];
  }
}
