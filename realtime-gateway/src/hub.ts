import type { CorruptCommit } from '@parley/contracts';
import type { Feed } from './feed.ts';
import { Ring, type RingLimits } from './ring.ts';
import { Audience } from './session/audience.ts';
import { type Commit, readCommitOrHide, type StoredCommit } from './session/commit.ts';
import type { ConversationCommit } from './session/conversation-commit.ts';
import type { Item } from './session/item.ts';

export interface HubObserver {
  /** Sequences that the log skipped. */
  gap(missing: number): void;
  unreadable(sequence: number, error: CorruptCommit): void;
  /** A member of a conversation is here, at this version, and what decides who sees what in it is not known. */
  unknownRules(conversationId: string, version: number): void;
}

/**
 * The end of the log in this process, and who is told of it. A commit enters the ring, changes the audience and is
 * offered to the feeds in one tick: whoever joins between two ticks has either all of it or none.
 */
export class Hub {
  readonly ring: Ring;
  readonly audience = new Audience<Feed>();
  /** Told of the commits about a user's own facts, whoever is connected. */
  onUserCommit: (item: Item) => void = () => undefined;
  readonly #observer: HubObserver;
  /** A set: thousands may come back at once who know of more than this process, and each leaves it by itself. */
  readonly #waiting = new Set<{ sequence: number; resolve: () => void }>();

  constructor(after: number, limits: RingLimits, observer: HubObserver) {
    this.ring = new Ring(after, limits);
    this.#observer = observer;
  }

  get tail(): number {
    return this.ring.tail;
  }

  /** Takes the next commits of the log, in order. */
  accept(records: readonly StoredCommit[]): void {
    for (const record of records) this.#take(record);
    this.#wake();
  }

  #take(record: StoredCommit): void {
    const missing = record.sequence - this.tail - 1;
    if (missing > 0) this.#observer.gap(missing);
    const commit = readCommitOrHide(record, (error) => this.#observer.unreadable(record.sequence, error));
    this.ring.push(commit);
    this.#deliver(commit);
  }

  #deliver(commit: Commit): void {
    switch (commit.kind) {
      case 'conversation':
        if (this.audience.isAlike(commit)) this.#deliverAlike(commit);
        else this.#deliverViews(commit);
        break;
      case 'reads':
        for (const [user, item] of this.audience.receipts(commit)) {
          for (const feed of user.sessions) feed.offer(item);
        }
        break;
      case 'user':
        this.onUserCommit(commit.item);
        for (const feed of this.audience.userByToken(commit.token)?.sessions ?? []) feed.offer(commit.item);
        break;
      case 'hidden':
        break;
    }
  }

  #deliverAlike(commit: ConversationCommit): void {
    const conversation = this.audience.conversation(commit.conversationId);
    if (!conversation) return;
    conversation.pass(commit);
    for (const user of conversation.members) for (const feed of user.sessions) feed.offer(commit.item);
    for (const feed of conversation.listeners) feed.offer(commit.item);
  }

  #deliverViews(commit: ConversationCommit): void {
    const deliveries = this.audience.apply(commit);
    this.missRules(commit.conversationId, commit.lastVersion);
    for (const { sessions, item, revoked } of deliveries) {
      for (const feed of sessions) {
        if (item) feed.offer(item);
        if (revoked) feed.revoke(commit.conversationId, revoked);
      }
    }
  }

  /** Asks what decides who sees what in a conversation, at this version or later, if nobody has said so here. */
  missRules(conversationId: string, version: number): void {
    if (this.audience.lacksRules(conversationId)) this.#observer.unknownRules(conversationId, version);
  }

  /** Resolves true once the commit at a sequence has been taken, false when that takes longer than `timeoutMs`. */
  reached(sequence: number, timeoutMs: number): Promise<boolean> {
    if (sequence <= this.tail) return Promise.resolve(true);
    return new Promise((resolve) => {
      const waiter = { sequence, resolve: () => settle(true) };
      const timer = setTimeout(() => settle(false), timeoutMs);
      const settle = (reached: boolean): void => {
        clearTimeout(timer);
        this.#waiting.delete(waiter);
        resolve(reached);
      };
      this.#waiting.add(waiter);
    });
  }

  #wake(): void {
    if (this.#waiting.size === 0) return;
    for (const waiter of this.#waiting) if (waiter.sequence <= this.tail) waiter.resolve();
  }
}
