import { type RevokedReason, userToken } from '@parley/contracts';
import { type Commit, type CursorEntry, cursorItem, type ReadsCommit } from './commit.ts';
import { type ConversationCommit, type Rules, UNKNOWN_RULES } from './conversation-commit.ts';
import { endsAll, follow, movedUsers } from './course.ts';
import type { GoneTexts } from './gone-texts.ts';
import type { Item } from './item.ts';
import { PresentConversation } from './present-conversation.ts';
import { addShare, type Share } from './receipt-share.ts';
import { type Place, type Viewer, type Views, viewerOf, viewOf } from './view.ts';

/** A connected user, with the sessions that are open on this process. */
export interface User<S> {
  readonly id: string;
  readonly sessions: Set<S>;
  /** By conversation. */
  readonly memberships: Map<string, Place>;
}

export interface Membership extends Place {
  conversationId: string;
  memberCount: number;
  rules: Rules;
}

/** What one commit means for one connected user. */
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
  readonly #conversations = new Map<string, PresentConversation<User<S>>>();

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
      for (const membership of memberships) this.learnRules(membership);
      return known;
    }
    const user: User<S> = { id: userId, sessions: new Set([session]), memberships: new Map() };
    this.#users.set(userId, user);
    this.#byToken.set(userToken(userId), user);
    for (const membership of memberships) {
      const { conversationId, joinedSequence, joinedOrdinal, role, memberCount } = membership;
      this.#enter(user, conversationId, { joinedSequence, joinedOrdinal, role });
      this.#conversations.get(conversationId)?.countAtLeast(memberCount);
      this.learnRules(membership);
    }
    return user;
  }

  /** Takes what the read model knows; what a commit has said since holds. */
  learnRules({ conversationId, rules }: Pick<Membership, 'conversationId' | 'rules'>): void {
    this.#conversations.get(conversationId)?.learn(rules);
  }

  /** Connected members are here, and nobody has said what decides what they see. */
  lacksRules(conversationId: string): boolean {
    return this.#conversations.get(conversationId)?.lacksRules ?? false;
  }

  /** Whether all connected members see a commit as it is stored, and are members after it as before. */
  isAlike(commit: ConversationCommit): boolean {
    return commit.plain && (this.#conversations.get(commit.conversationId)?.isAlike(commit) ?? true);
  }

  release(userId: string, session: S): void {
    const user = this.#users.get(userId);
    if (!user?.sessions.delete(session) || user.sessions.size > 0) return;
    for (const conversationId of user.memberships.keys()) this.#exit(user, conversationId);
    this.#users.delete(userId);
    this.#byToken.delete(userToken(userId));
  }

  /** Applies a commit that is not alike for all and says what each connected user sees of it. */
  apply(commit: ConversationCommit): Delivery<S>[] {
    const views: Views = new Map();
    const moved = movedUsers(commit);
    const all = endsAll(commit);
    const deliveries: Delivery<S>[] = [];
    for (const user of this.#concerned(commit, moved)) {
      deliveries.push(
        all || moved.has(user.id) ? this.#move(user, commit, views) : this.#show(user, commit, views),
      );
    }
    this.#conversations.get(commit.conversationId)?.settle(commit);
    return deliveries;
  }

  #concerned({ conversationId }: ConversationCommit, moved: Iterable<string>): Set<User<S>> {
    const users = new Set(this.membersOf(conversationId));
    for (const userId of moved) {
      const user = this.#users.get(userId);
      if (user) users.add(user);
    }
    return users;
  }

  /** For a member who is one throughout. */
  #show(user: User<S>, commit: ConversationCommit, views: Views): Delivery<S> {
    const role = commit.roles.get(user.id);
    const before = user.memberships.get(commit.conversationId);
    if (before && role) user.memberships.set(commit.conversationId, { ...before, role });
    const viewer = this.#viewer(user, commit.conversationId);
    return { user, item: viewOf(commit, viewer, null, views), revoked: null };
  }

  #move(user: User<S>, commit: ConversationCommit, views: Views): Delivery<S> {
    const { conversationId, sequence: joinedSequence } = commit;
    const before = user.memberships.get(conversationId);
    const course = follow(commit, user.id, before !== undefined);
    const role = commit.roles.get(user.id) ?? before?.role ?? 'guest';
    const held = course.joined ? { joinedSequence, joinedOrdinal: course.ordinal } : before;
    // Who is gone afterwards is no moderator any more.
    const place = held && { ...held, role: course.member ? role : 'guest' };
    const viewer = this.#viewer(user, conversationId, place);
    if (course.member && place) this.#enter(user, conversationId, place);
    if (!course.member && before) this.#exit(user, conversationId);
    if (!course.member) user.memberships.delete(conversationId);
    const revoked = course.left && !course.member ? course.left : null;
    return { user, item: viewOf(commit, viewer, course.visible, views), revoked };
  }

  #viewer(user: User<S>, conversationId: string, place = user.memberships.get(conversationId)): Viewer {
    return viewerOf(user.id, place, this.#conversations.get(conversationId)?.rules ?? UNKNOWN_RULES);
  }

  #enter(user: User<S>, conversationId: string, place: Place): void {
    user.memberships.set(conversationId, place);
    const conversation = this.#conversations.get(conversationId) ?? new PresentConversation<User<S>>();
    this.#conversations.set(conversationId, conversation);
    conversation.enter(user, place);
  }

  #exit(user: User<S>, conversationId: string): void {
    const conversation = this.#conversations.get(conversationId);
    conversation?.members.delete(user);
    if (conversation?.members.size === 0) this.#conversations.delete(conversationId);
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
    return this.#conversations.get(conversationId)?.showsReceipts ?? false;
  }

  /** A user's own cursor is theirs in every case; without a membership only the one of an audience means anything. */
  #sees(user: User<S>, commit: ReadsCommit, entry: CursorEntry, conversationId: string): boolean {
    if (entry.reach === 'audience') return entry.userId === user.id;
    const place = user.memberships.get(conversationId);
    if (place === undefined || place.joinedSequence > commit.sequence) return false;
    return entry.userId === user.id || (entry.reach === 'members' && this.#showsReceipts(conversationId));
  }

  #cursorsFor(commit: ReadsCommit, user: User<S>, conversationIds: Iterable<string>): CursorEntry[] {
    return [...conversationIds].flatMap((id) =>
      (commit.groups.get(id) ?? []).filter((entry) => this.#sees(user, commit, entry, id)),
    );
  }

  /**
   * What a user sees of an older commit, being what they are now: commits of conversations they are in, from the
   * event that made them a member on, without the texts that are gone since.
   */
  replayed(user: User<S>, commit: Commit, gone: readonly GoneTexts[] = []): Item | null {
    switch (commit.kind) {
      case 'conversation':
        return this.#replayedConversation(user, commit, gone);
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

  #replayedConversation(user: User<S>, commit: ConversationCommit, gone: readonly GoneTexts[]): Item | null {
    const joined = user.memberships.get(commit.conversationId)?.joinedSequence;
    if (joined === undefined || joined > commit.sequence) return null;
    const viewer = this.#viewer(user, commit.conversationId);
    if (joined < commit.sequence) return viewOf(commit, viewer, null, new Map(), gone);
    const entry = commit.changes.findLast(
      (change) => change.kind === 'joined' && change.userIds.includes(user.id),
    );
    const visible = Array.from({ length: commit.size }, (_, index) => index).slice(entry?.event ?? 0);
    return viewOf(commit, viewer, visible, new Map(), gone);
  }
}
