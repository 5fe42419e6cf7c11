import { type RevokedReason, userToken } from '@parley/contracts';
import { type Commit, type ConversationCommit, cursorItem, type Item, type ReadsCommit } from './commit.ts';
import { follow, namedUsers, viewOf } from './course.ts';

/** Receipts go to the members of conversations up to this size; in larger ones a user sees only their own. */
export const RECEIPT_AUDIENCE = 250;

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
  /** All members. A lower bound when the conversation was first met through a connected user being added to it. */
  memberCount: number;
}

export interface Membership {
  conversationId: string;
  joinedSequence: number;
  memberCount: number;
}

/** What one commit means for one user whose membership it changes. */
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
   * of the user is here, because then the audience knows better.
   */
  admit(userId: string, session: S, memberships: Iterable<Membership>): User<S> {
    const known = this.#users.get(userId);
    if (known) {
      known.sessions.add(session);
      return known;
    }
    const user: User<S> = { id: userId, sessions: new Set([session]), memberships: new Map() };
    this.#users.set(userId, user);
    this.#byToken.set(userToken(userId), user);
    for (const membership of memberships) {
      this.#enter(user, membership.conversationId, membership.joinedSequence);
      const conversation = this.#conversations.get(membership.conversationId);
      if (conversation) conversation.memberCount = Math.max(conversation.memberCount, membership.memberCount);
    }
    return user;
  }

  release(userId: string, session: S): void {
    const user = this.#users.get(userId);
    if (!user?.sessions.delete(session) || user.sessions.size > 0) return;
    for (const conversationId of user.memberships.keys()) this.#exit(user, conversationId);
    this.#users.delete(userId);
    this.#byToken.delete(userToken(userId));
  }

  /** Applies a commit that changes membership and says what each connected user it names sees of it. */
  apply(commit: ConversationCommit): Delivery<S>[] {
    const views = new Map<string, Item>();
    const deliveries: Delivery<S>[] = [];
    for (const userId of namedUsers(commit)) {
      const user = this.#users.get(userId);
      if (user) deliveries.push(this.#move(user, commit, views));
    }
    this.#count(commit);
    return deliveries;
  }

  #move(user: User<S>, commit: ConversationCommit, views: Map<string, Item>): Delivery<S> {
    const before = user.memberships.has(commit.conversationId);
    const course = follow(commit, user.id, before);
    if (course.member && course.joined) this.#enter(user, commit.conversationId, commit.sequence);
    if (!course.member && before) this.#exit(user, commit.conversationId);
    if (!course.member) user.memberships.delete(commit.conversationId);
    const revoked = course.left && !course.member ? course.left : null;
    return { user, item: viewOf(commit, course.visible, views), revoked };
  }

  #enter(user: User<S>, conversationId: string, joinedSequence: number): void {
    user.memberships.set(conversationId, joinedSequence);
    const conversation = this.#conversations.get(conversationId);
    if (conversation) conversation.members.add(user);
    else this.#conversations.set(conversationId, { members: new Set([user]), memberCount: 0 });
  }

  #exit(user: User<S>, conversationId: string): void {
    const conversation = this.#conversations.get(conversationId);
    conversation?.members.delete(user);
    if (conversation?.members.size === 0) this.#conversations.delete(conversationId);
  }

  #count(commit: ConversationCommit): void {
    const conversation = this.#conversations.get(commit.conversationId);
    if (!conversation) return;
    if (commit.founding) conversation.memberCount = 0;
    for (const change of commit.changes) {
      conversation.memberCount += change.kind === 'joined' ? change.userIds.length : -change.userIds.length;
    }
    conversation.memberCount = Math.max(conversation.memberCount, conversation.members.size);
  }

  /** The receipts of a commit, by user; users with the same conversations in it share one item. */
  receipts(commit: ReadsCommit): Map<User<S>, Item> {
    const shares = new Map<User<S>, string[]>();
    for (const [conversationId, entries] of commit.groups) {
      const conversation = this.#conversations.get(conversationId);
      if (!conversation) continue;
      const readers =
        conversation.memberCount <= RECEIPT_AUDIENCE
          ? conversation.members
          : entries.flatMap((entry) => this.#memberNamed(conversation, entry.userId));
      for (const user of new Set(readers)) {
        const share = shares.get(user);
        if (share) share.push(conversationId);
        else shares.set(user, [conversationId]);
      }
    }
    return this.#encodeShares(commit, shares);
  }

  #memberNamed(conversation: Conversation<S>, userId: string): User<S>[] {
    const user = this.#users.get(userId);
    return user && conversation.members.has(user) ? [user] : [];
  }

  #encodeShares(commit: ReadsCommit, shares: Map<User<S>, string[]>): Map<User<S>, Item> {
    const items = new Map<string, Item>();
    const result = new Map<User<S>, Item>();
    for (const [user, conversationIds] of shares) {
      const own = conversationIds.some((id) => !this.#sharesReceipts(id));
      const key = conversationIds.join() + (own ? user.id : '');
      let item = items.get(key);
      if (!item) {
        item = cursorItem(commit, this.#cursorsFor(commit, user, conversationIds));
        items.set(key, item);
      }
      result.set(user, item);
    }
    return result;
  }

  #sharesReceipts(conversationId: string): boolean {
    return (this.#conversations.get(conversationId)?.memberCount ?? 0) <= RECEIPT_AUDIENCE;
  }

  #cursorsFor(commit: ReadsCommit, user: User<S>, conversationIds: Iterable<string>) {
    return [...conversationIds].flatMap((id) => {
      const entries = commit.groups.get(id) ?? [];
      return this.#sharesReceipts(id) ? entries : entries.filter((entry) => entry.userId === user.id);
    });
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
        const ids = [...commit.groups.keys()].filter(
          (id) => (user.memberships.get(id) ?? Number.POSITIVE_INFINITY) <= commit.sequence,
        );
        const cursors = this.#cursorsFor(commit, user, ids);
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
    if (joined < commit.sequence) return commit.item;
    const entry = commit.changes.findLast(
      (change) => change.kind === 'joined' && change.userIds.includes(user.id),
    );
    const visible = commit.events.map((_, index) => index).slice(entry?.event ?? 0);
    return viewOf(commit, visible, new Map());
  }
}
