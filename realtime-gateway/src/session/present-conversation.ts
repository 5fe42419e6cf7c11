import { MAX_MEMBERS_WITH_RECEIPTS } from '@parley/contracts';
import { type ConversationCommit, type Rules, UNKNOWN_RULES } from './conversation-commit.ts';
import { countAfter } from './course.ts';
import type { Follower } from './follower.ts';
import { isSamePlace, type Place } from './view.ts';

/** A conversation of which connected users are members, or that sessions follow. */
export class PresentConversation<U, S> {
  /** Connected members only. */
  readonly members = new Set<U>();
  /** Also those that are being replayed to. */
  readonly followers = new Set<Follower<S>>();
  /** Sessions of the followers that are live. */
  readonly #listeners = new Set<S>();
  /**
   * Not known when the conversation was first met through a connected user being added to it: nothing is shown on a
   * guess until a commit or the read model tells.
   */
  #rules: Rules = UNKNOWN_RULES;
  /** All members. A lower bound after an old event that does not say the number. */
  #memberCount = 0;
  /** No connected member joined after this message: what happens to later ones is hidden from nobody. */
  #latestJoined = 0;
  #lastPlace: Place | null = null;
  /** Of the newest commit, once one has come or the conversation is followed. */
  #version = 0;

  get rules(): Rules {
    return this.#rules;
  }

  get version(): number {
    return this.#version;
  }

  get memberCount(): number {
    return this.#memberCount;
  }

  get listeners(): ReadonlySet<S> {
    return this.#listeners;
  }

  get isEmpty(): boolean {
    return this.members.size === 0 && this.followers.size === 0;
  }

  get lacksRules(): boolean {
    const { receipts, history, type } = this.#rules;
    return receipts === null || history === null || type === null;
  }

  get showsReceipts(): boolean {
    return this.#rules.receipts === true && this.#memberCount <= MAX_MEMBERS_WITH_RECEIPTS;
  }

  /** Gives the member's place: one object for all who came in the same commit in the same role, as founders do. */
  enter(user: U, place: Place): Place {
    this.members.add(user);
    this.#admit(place);
    if (!this.#lastPlace || !isSamePlace(this.#lastPlace, place)) this.#lastPlace = place;
    return this.#lastPlace;
  }

  /** `version`: the conversation's, as of the last commit applied. */
  follow(follower: Follower<S>, version: number): void {
    this.followers.add(follower);
    this.#version = version;
    if (follower.access.place) this.#admit(follower.access.place);
  }

  /** From here on the follower's session is given the commits as they happen. */
  listen({ session }: Follower<S>): void {
    this.#listeners.add(session);
  }

  unfollow(follower: Follower<S>): void {
    this.followers.delete(follower);
    this.#listeners.delete(follower.session);
  }

  #admit({ joinedOrdinal }: Place): void {
    this.#latestJoined = Math.max(this.#latestJoined, joinedOrdinal);
  }

  /** The read model's count may be ahead of a lower bound here. */
  countAtLeast(memberCount: number): void {
    this.#memberCount = Math.max(this.#memberCount, memberCount);
  }

  /** Takes what the read model knows; what a commit has said since holds. */
  learn(rules: Rules): void {
    const { receipts, history, type } = this.#rules;
    this.#rules = {
      receipts: receipts ?? rules.receipts,
      history: history ?? rules.history,
      type: type ?? rules.type,
    };
  }

  /** Whether all who are here see a plain commit as it is stored. */
  isAlike(commit: ConversationCommit): boolean {
    if (this.#rules.history === 'shared') return true;
    return commit.ordinals.every((ordinal) => ordinal > this.#latestJoined);
  }

  /** A commit that changes nothing here. */
  pass({ lastVersion }: ConversationCommit): void {
    this.#version = lastVersion;
  }

  settle(commit: ConversationCommit): void {
    this.pass(commit);
    for (const change of commit.changes) this.#memberCount = countAfter(this.#memberCount, change);
    this.countAtLeast(this.members.size);
    if (commit.rules) this.#rules = { ...this.#rules, ...commit.rules };
    for (const { access } of this.followers) if (access.place) this.#admit(access.place);
  }
}
