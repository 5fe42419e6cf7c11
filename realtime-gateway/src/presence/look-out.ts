import type { LeaseStore, Logger, Signals } from '@parley/runtime';
import { monotonicNow, wallNow } from '../clocks.ts';
import {
  newsInMs,
  OPEN,
  type PresenceLease,
  type Privacy,
  type Sight,
  sightOf,
  unknownView,
  viewOf,
} from '../session/presence-view.ts';
import { Reminders } from '../session/reminders.ts';
import type { Watcher, WatchTable } from '../session/watch-table.ts';
import { PRESENCE_SUBJECT } from './keep-leases.ts';
import { PatientPrivacy } from './patient-privacy.ts';

const BATCH = 1_000;
const RETRY_MS = 1_000;
/** What a user lets others see was not read, or is of an earlier look: again soon, for it may have become less. */
const NO_PRIVACY_CHECK_MS = 5_000;
/** After a commit that says what a user lets others see: by then the read model has it, nearly always and surely. */
const FACTS_CHECK_MS = 1_000;
const FACTS_CONFIRM_MS = 5_000;

/** What each of some users lets others see; `watchersOf` says who watches some of them now. */
export type ReadPrivacy = (
  users: readonly string[],
  watchersOf: (users: readonly string[]) => ReadonlySet<string>,
) => Promise<Map<string, Privacy>>;

export interface LookoutOptions {
  leases: LeaseStore;
  signals: Signals;
  /** What the store says of a user, and what this process knows better. */
  known: (user: string, stored: readonly PresenceLease[]) => readonly PresenceLease[];
  privacy: ReadPrivacy;
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
  readonly #privacy: PatientPrivacy;
  readonly #stopListening: () => void;
  /**
   * Looks that no look before them makes needless: what those read was perhaps from before the change. Each is here for
   * a few seconds.
   */
  readonly #reminders = new Reminders<string>();
  #running = false;
  #notBefore = 0;
  #failingSince: number | null = null;

  constructor(table: WatchTable<Watcher>, options: LookoutOptions) {
    this.#table = table;
    this.#options = options;
    this.#privacy = new PatientPrivacy(
      (users) => options.privacy(users, (some) => table.watchersOf(some)),
      options.logger,
    );
    this.#stopListening = options.signals.listen(PRESENCE_SUBJECT, (payload) =>
      this.changed(readUsers(payload)),
    );
  }

  stop(): void {
    this.#stopListening();
  }

  /** It may have lost leases, which their holders write again now: looking before would show them gone. */
  storeReturned(): void {
    this.#notBefore = monotonicNow() + this.#options.times.settleMs;
    this.checkAll();
  }

  /** Something may have been said and lost. */
  checkAll(): void {
    for (const user of this.#table.watched()) this.#table.checkBy(user, 0);
  }

  /** A user has come to this process: what was seen of them before is told to nobody who asks now. */
  cameHere(user: string): void {
    this.#table.outdate(user, monotonicNow());
  }

  /** The leases of these users have been written. */
  changed(users: Iterable<string>): void {
    const { staleMs } = this.#options.leases;
    const now = monotonicNow();
    for (const user of users) {
      this.#table.checkBy(user, now);
      if (staleMs > 0 && this.#table.isWatched(user)) this.#reminders.remind(user, now + staleMs);
    }
  }

  /** What a user lets others see has changed; the read model has it soon. Also of who is watched only by then. */
  factsChanged(user: string): void {
    const now = monotonicNow();
    this.#reminders.remind(user, now + FACTS_CHECK_MS);
    this.#reminders.remind(user, now + FACTS_CONFIRM_MS);
  }

  /** Looks at all who are due; one round at a time. Never rejects. */
  async round(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      for (;;) {
        const now = monotonicNow();
        for (const user of this.#reminders.take(now)) this.#table.checkBy(user, now);
        const users = now < this.#notBefore ? [] : this.#table.take(now, BATCH);
        if (users.length === 0) return;
        await this.#look(users);
        this.#options.looked();
      }
    } finally {
      this.#running = false;
    }
  }

  async #look(users: readonly string[]): Promise<void> {
    const { leases, observer, known } = this.#options;
    try {
      const [held, { privacy, isLate }] = await Promise.all([leases.read(users), this.#privacy.read(users)]);
      observer.usersRead(users.length);
      this.#failingSince = null;
      const now = monotonicNow();
      if (now < this.#notBefore) {
        // The store came back meanwhile: what it answered may lack what it is about to be given again.
        for (const user of users) this.#table.checkBy(user, this.#notBefore);
        return;
      }
      for (const user of users) {
        const shown = privacy.get(user) ?? (isLate ? this.#table.view(user)?.privacy : OPEN);
        const sight = sightOf(known(user, held.get(user) ?? []), wallNow());
        if (shown) this.#see(user, sight, shown, now + (isLate ? NO_PRIVACY_CHECK_MS : Infinity));
        else this.#table.see(user, unknownView(user, null), now + RETRY_MS);
      }
    } catch (error) {
      this.#fail(users, error);
    }
  }

  #see(user: string, sight: Sight, privacy: Privacy, atLatest: number): void {
    const at = monotonicNow() + newsInMs(sight, this.#options.times.ttlMs);
    this.#table.see(user, viewOf(user, sight, privacy), Math.min(at, atLatest));
  }

  /** Those never seen are unknown at once, the others when it lasts. */
  #fail(users: readonly string[], error: unknown): void {
    const now = monotonicNow();
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
