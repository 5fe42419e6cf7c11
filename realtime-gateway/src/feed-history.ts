import { conversationSubject, readsSubject, userSubject, userToken } from '@parley/contracts';
import type { CommitRecord, EventLog, LogRange } from '@parley/runtime';
import type { Feed } from './feed.ts';
import type { Hub } from './hub.ts';
import { readRange } from './read-log.ts';
import type { History } from './replay.ts';
import type { Ring } from './ring.ts';
import type { Commit } from './session/commit.ts';
import type { ConversationCommit } from './session/conversation-commit.ts';
import type { GoneTexts } from './session/gone-texts.ts';
import type { Item } from './session/item.ts';
import type { User } from './session/user.ts';

/** All that a user may see: what a feed that resumes has missed. */
export class FeedHistory implements History {
  readonly #hub: Hub;
  readonly #feed: Feed;
  readonly #user: User<Feed>;
  readonly #seen = new Map<string, { joined: number; version: number }>();

  constructor(hub: Hub, feed: Feed, user: User<Feed>) {
    this.#hub = hub;
    this.#feed = feed;
    this.#user = user;
  }

  get closed(): boolean {
    return this.#feed.closed;
  }

  subjects(): string[] {
    const conversationIds = [...this.#user.memberships.keys()];
    const subjects = [
      userSubject(this.#user.id),
      ...conversationIds.map(conversationSubject),
      ...conversationIds.map(readsSubject),
    ];
    return [...new Set(subjects)];
  }

  within(ring: Ring, after: number): Commit[] {
    return ring.concerning(this.#user.memberships.keys(), userToken(this.#user.id), after);
  }

  read(log: EventLog, range: LogRange): AsyncIterable<CommitRecord[]> {
    return readRange(log, range, this.subjects());
  }

  mayShow({ conversationId }: ConversationCommit): boolean {
    return this.#user.memberships.has(conversationId);
  }

  /**
   * Whether the commit is the conversation's next one: a replica that lags may leave out the newest of a subject. One
   * who leaves and comes back meanwhile starts anew.
   */
  continues({ conversationId, sequence, firstVersion, lastVersion }: ConversationCommit): boolean {
    const joined = this.#user.memberships.get(conversationId)?.joinedSequence;
    if (joined === undefined || joined > sequence) return true;
    const last = this.#seen.get(conversationId);
    if (last?.joined !== joined) {
      this.#seen.set(conversationId, { joined, version: lastVersion });
      return true;
    }
    const isNext = firstVersion === last.version + 1;
    last.version = lastVersion;
    return isNext;
  }

  show(commit: Commit, gone: readonly GoneTexts[]): Item | null {
    return this.#hub.audience.replayed(this.#user, commit, gone);
  }

  send(items: readonly Item[], position: number): Promise<void> {
    return this.#feed.replay(items, position);
  }

  /** The next commit of each conversation tells. */
  isWhole(): boolean {
    return true;
  }

  goLive(position: number): void {
    this.#feed.goLive(position);
  }
}
