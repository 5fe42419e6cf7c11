import { MAX_MEMBERS_WITH_RECEIPTS, type RevokedReason, userToken } from '@parley/contracts';
import {
  type Commit,
  type ConversationCommit,
  type CursorEntry,
  cursorItem,
  type Item,
  type ReadsCommit,
} from './commit.ts';
import { countAfter, endsAll, follow, namedUsers, viewOf } from './course.ts';
import { addShare, type Share } from './receipt-share.ts';

/** A connected user, with the sessions that are open on this process. */
export interface User<S> {
  readonly id: string;
  readonly sessions: Set<S>;
  /** Conversation → sequence of the commit that made the user a member. */
  readonly memberships: Map<string, number>;
}

interface Conversation<S> {
  /** Connected members only. */
  readonly members: Set<User<S>>;
  /** All members. A lower bound after an old event that does not say the number. */
  memberCount: number;
  /**
   * Whether members see each other's receipts. Null when the conversation was first met through a connected user being
   * added to it: nothing is shown until a commit or the read model tells.
   */
  receipts: boolean | null;
}

export interface Membership {
  conversationId: string;
  joinedSequence: number;
  memberCount: number;
  receipts: boolean | null;
}

/** What one commit means for one user that it names. */
export interface Delivery<S> {
  user: User<S>;
  item: Item | null;
  revoked: RevokedReason | null;
}

/**
 * Who may receive what, as of the last commit applied. Membership is applied in log order and before anything later
 * is delivered, so a removed member sees the removal and nothing after it.
 */
export class Audience<S> {
  readonly #users = new Map<string, User<S>>();
  readonly #byToken = new Map<string, User<S>>();
  readonly #conversations = new Map<string, Conversation<S>>();

  user(id: string): User<S> | undefined {
    return this.#users.get(id);
  }

  /** Sessions' users by subject token: the audience of a user's own commits. */
  userByToken(token: string): User<S> | undefined {
    return this.#byToken.get(token);
  }

  membersOf(conversationId: string): ReadonlySet<User<S>> | undefined {
    return this.#conversations.get(conversationId)?.members;
  }

  /**
   * Registers a session. `memberships` must be as of the last commit applied; they are ignored when another session
   * of the user is here, because then the audience knows better; but what it does not know, it takes.
   */
  admit(userId: string, session: S, memberships: Iterable<Membership>): User<S> {
    const known = this.#users.get(userId);
    if (known) {
      known.sessions.add(session);
      for (const membership of memberships) this.learnReceipts(membership);
      return known;
    }
    const user: User<S> = { id: userId, sessions: new Set([session]), memberships: new Map() };
    this.#users.set(userId, user);
    this.#byToken.set(userToken(userId), user);
    for (const membership of memberships) {
      this.#enter(user, membership.conversationId, membership.joinedSequence);
      const conversation = this.#conversations.get(membership.conversationId);
      if (conversation) conversation.memberCount = Math.max(conversation.memberCount, membership.memberCount);
      this.learnReceipts(membership);
    }
    return user;
  }

  /** Takes what the read model knows; what a commit has said since holds. */
  learnReceipts({ conversationId, receipts }: Pick<Membership, 'conversationId' | 'receipts'>): void {
    const conversation = this.#conversations.get(conversationId);
    if (conversation) conversation.receipts ??= receipts;
  }

  /** Connected members are here, and nobody has said whether they see each other's receipts. */
  lacksReceipts(conversationId: string): boolean {
    return this.#conversations.get(conversationId)?.receipts === null;
  }

  release(userId: string, session: S): void {
    const user = this.#users.get(userId);
    if (!user?.sessions.delete(session) || user.sessions.size > 0) return;
    for (const conversationId of user.memberships.keys()) this.#exit(user, conversationId);
    this.#users.delete(userId);
    this.#byToken.delete(userToken(userId));
  }

  /** Applies a commit that is not plain and says what each connected user that it names sees of it. */
  apply(commit: ConversationCommit): Delivery<S>[] {
    const views = new Map<string, Item>();
    const deliveries: Delivery<S>[] = [];
    for (const user of this.#concerned(commit)) deliveries.push(this.#move(user, commit, views));
    this.#settle(commit);
    return deliveries;
  }

  #concerned(commit: ConversationCommit): Set<User<S>> {
    const users = new Set(endsAll(commit) ? this.membersOf(commit.conversationId) : []);
    for (const userId of namedUsers(commit)) {
      const user = this.#users.get(userId);
      if (user) users.add(user);
    }
    return users;
  }

  #move(user: User<S>, commit: ConversationCommit, views: Map<string, Item>): Delivery<S> {
    const before = user.memberships.has(commit.conversationId);
    const course = follow(commit, user.id, before);
    if (course.member && course.joined) this.#enter(user, commit.conversationId, commit.sequence);
    if (!course.member && before) this.#exit(user, commit.conversationId);
    if (!course.member) user.memberships.delete(commit.conversationId);
    const revoked = course.left && !course.member ? course.left : null;
    return { user, item: viewOf(commit, user.id, course.visible, views), revoked };
  }

  #enter(user: User<S>, conversationId: string, joinedSequence: number): void {
    user.memberships.set(conversationId, joinedSequence);
    const conversation = this.#conversations.get(conversationId);
    if (conversation) conversation.members.add(user);
    else
      this.#conversations.set(conversationId, { members: new Set([user]), memberCount: 0, receipts: null });
  }

  #exit(user: User<S>, conversationId: string): void {
    const conversation = this.#conversations.get(conversationId);
    conversation?.members.delete(user);
    if (conversation?.members.size === 0) this.#conversations.delete(conversationId);
  }

  #settle(commit: ConversationCommit): void {
    const conversation = this.#conversations.get(commit.conversationId);
    if (!conversation) return;
    for (const change of commit.changes) {
      conversation.memberCount = countAfter(conversation.memberCount, change);
    }
    conversation.memberCount = Math.max(conversation.memberCount, conversation.members.size);
    conversation.receipts = commit.receipts ?? conversation.receipts;
  }

  /** The receipts of a commit, by user; users with the same conversations in it share one item. */
  receipts(commit: ReadsCommit): Map<User<S>, Item> {
    const shares = new Map<User<S>, Share>();
    for (const [conversationId, entries] of commit.groups) {
      const shown = this.#showsReceipts(conversationId) && entries.some(({ reach }) => reach === 'members');
      if (shown) {
        for (const user of this.membersOf(conversationId) ?? [])
          addShare(shares, user, conversationId, false);
      }
      for (const entry of entries) {
        const user = shown && entry.reach === 'members' ? undefined : this.#users.get(entry.userId);
        if (user && this.#sees(user, commit, entry, conversationId)) {
          addShare(shares, user, conversationId, true);
        }
      }
    }
    return this.#encodeShares(commit, shares);
  }

  #encodeShares(commit: ReadsCommit, shares: Map<User<S>, Share>): Map<User<S>, Item> {
    const items = new Map<string, Item>();
    const result = new Map<User<S>, Item>();
    for (const [user, { conversationIds, own }] of shares) {
      const key = conversationIds.join() + (own ? ` ${user.id}` : '');
      let item = items.get(key);
      if (!item) {
        item = cursorItem(commit, this.#cursorsFor(commit, user, conversationIds));
        items.set(key, item);
      }
      result.set(user, item);
    }
    return result;
  }

  #showsReceipts(conversationId: string): boolean {
    const conversation = this.#conversations.get(conversationId);
    return conversation?.receipts === true && conversation.memberCount <= MAX_MEMBERS_WITH_RECEIPTS;
  }

  /** A user's own cursor is theirs in every case; without a membership only the one of an audience means anything. */
  #sees(user: User<S>, commit: ReadsCommit, entry: CursorEntry, conversationId: string): boolean {
    if (entry.reach === 'audience') return entry.userId === user.id;
    const joined = user.memberships.get(conversationId);
    if (joined === undefined || joined > commit.sequence) return false;
    return entry.userId === user.id || (entry.reach === 'members' && this.#showsReceipts(conversationId));
  }

  #cursorsFor(commit: ReadsCommit, user: User<S>, conversationIds: Iterable<string>): CursorEntry[] {
    return [...conversationIds].flatMap((id) =>
      (commit.groups.get(id) ?? []).filter((entry) => this.#sees(user, commit, entry, id)),
    );
  }

  /**
   * What a user sees of an older commit, being what they are now: commits of conversations they are in, from the
   * event that made them a member on.
   */
  replayed(user: User<S>, commit: Commit): Item | null {
    switch (commit.kind) {
      case 'conversation':
        return this.#replayedConversation(user, commit);
      case 'reads': {
        const cursors = this.#cursorsFor(commit, user, commit.groups.keys());
        return cursors.length === 0 ? null : cursorItem(commit, cursors);
      }
      case 'user':
        return commit.token === userToken(user.id) ? commit.item : null;
      case 'hidden':
        return null;
    }
  }

  #replayedConversation(user: User<S>, commit: ConversationCommit): Item | null {
    const joined = user.memberships.get(commit.conversationId);
    if (joined === undefined || joined > commit.sequence) return null;
    if (joined < commit.sequence && commit.secrets.length === 0) return commit.item;
    const entry = commit.changes.findLast(
      (change) => change.kind === 'joined' && change.userIds.includes(user.id),
    );
    const start = joined === commit.sequence ? (entry?.event ?? 0) : 0;
    const visible = commit.events.map((_, index) => index).slice(start);
    return viewOf(commit, user.id, visible, new Map());
  }
}
