import { MAX_MEMBERS_WITH_RECEIPTS } from '@parley/contracts';
import { type ConversationCommit, type Rules, UNKNOWN_RULES } from './conversation-commit.ts';
import { countAfter } from './course.ts';
import type { Place } from './view.ts';

/** A conversation of which connected users are members. */
export class PresentConversation<U> {
  /** Connected members only. */
  readonly members = new Set<U>();
  /**
   * Not known when the conversation was first met through a connected user being added to it: nothing is shown on a
   * guess until a commit or the read model tells.
   */
  #rules: Rules = UNKNOWN_RULES;
  /** All members. A lower bound after an old event that does not say the number. */
  #memberCount = 0;
  /** No connected member joined after this message: what happens to later ones is hidden from nobody. */
  #latestJoined = 0;

  get rules(): Rules {
    return this.#rules;
  }

  get lacksRules(): boolean {
    const { receipts, history, type } = this.#rules;
    return receipts === null || history === null || type === null;
  }

  get showsReceipts(): boolean {
    return this.#rules.receipts === true && this.#memberCount <= MAX_MEMBERS_WITH_RECEIPTS;
  }

  enter(user: U, place: Place): void {
    this.members.add(user);
    this.#latestJoined = Math.max(this.#latestJoined, place.joinedOrdinal);
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

  /** Whether all connected members see a plain commit as it is stored. */
  isAlike(commit: ConversationCommit): boolean {
    if (this.#rules.history === 'shared') return true;
    return commit.ordinals.every((ordinal) => ordinal > this.#latestJoined);
  }

  settle(commit: ConversationCommit): void {
    for (const change of commit.changes) this.#memberCount = countAfter(this.#memberCount, change);
    this.countAtLeast(this.members.size);
    if (commit.rules) this.#rules = { ...this.#rules, ...commit.rules };
  }
}
