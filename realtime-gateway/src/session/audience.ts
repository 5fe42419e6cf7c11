import { type RevokedReason, userToken } from '@parley/contracts';
import type { AccessSnapshot } from './access.ts';
import { type Commit, cursorItem, type ReadsCommit } from './commit.ts';
import { type ConversationCommit, type Rules, UNKNOWN_RULES } from './conversation-commit.ts';
import { endsAll, follow, movedUsers } from './course.ts';
import { type Follower, passFollowers } from './follower.ts';
import type { GoneTexts } from './gone-texts.ts';
import type { Item } from './item.ts';
import { PresentConversation } from './present-conversation.ts';
import { cursorsFor, receiptsOf } from './receipts.ts';
import { User } from './user.ts';
import { type Place, type Viewer, type Views, viewerOf, viewOf, viewSinceJoined } from './view.ts';

export interface Membership extends Place {
  conversationId: string;
  memberCount: number;
  rules: Rules;
}

/** What one commit means for one user. */
interface Seen {
  item: Item | null;
  revoked: RevokedReason | null;
}

/** What one commit means for some sessions: a member's, or those of followers. */
export interface Delivery<S> extends Seen {
  user: User<S> | null;
  sessions: Iterable<S>;
}

/**
 * Who may receive what, as of the last commit applied. Membership is applied in log order and before anything later
 * is delivered, so a removed member sees the removal and nothing after it.
 */
export class Audience<S> {
  readonly #users = new Map<string, User<S>>();
  /** Those whose token is not their id: nobody, as a rule. */
  readonly #byToken = new Map<string, User<S>>();
  readonly #conversations = new Map<string, PresentConversation<User<S>, S>>();

  user(id: string): User<S> | undefined {
    return this.#users.get(id);
  }

  /** Sessions' users by subject token: the audience of a user's own commits. */
  userByToken(token: string): User<S> | undefined {
    const user = this.#users.get(token);
    return user && userToken(user.id) === token ? user : this.#byToken.get(token);
  }

  conversation(conversationId: string): PresentConversation<User<S>, S> | undefined {
    return this.#conversations.get(conversationId);
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
      if (!known.sessions.includes(session)) known.sessions = [...known.sessions, session];
      for (const membership of memberships) this.learnRules(membership);
      return known;
    }
    const user = new User(userId, session, this);
    this.#users.set(userId, user);
    const token = userToken(userId);
    if (token !== userId) this.#byToken.set(token, user);
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
    if (user) user.sessions = user.sessions.filter((other) => other !== session);
    if (!user || user.sessions.length > 0) return;
    for (const conversationId of user.memberships.keys()) this.#exit(user, conversationId);
    this.#users.delete(userId);
    this.#byToken.delete(userToken(userId));
  }

  /** Registers a follower. `snapshot` must be as of the last commit applied. */
  attach(follower: Follower<S>, { version, memberCount, rules }: AccessSnapshot): void {
    const conversation = this.#present(follower.conversationId);
    conversation.follow(follower, version);
    conversation.countAtLeast(memberCount);
    conversation.learn(rules);
  }

  /** The follower has had everything up to the last commit applied. */
  listen(follower: Follower<S>): void {
    follower.phase = 'live';
    this.#conversations.get(follower.conversationId)?.listen(follower);
  }

  detach(follower: Follower<S>): void {
    follower.phase = 'ended';
    this.#conversations.get(follower.conversationId)?.unfollow(follower);
    this.#tidy(follower.conversationId);
  }

  /** Applies a commit that is not alike for all and says what everybody here sees of it. */
  apply(commit: ConversationCommit): Delivery<S>[] {
    const views: Views = new Map();
    const moved = movedUsers(commit);
    const all = endsAll(commit);
    const { deliveries, handedOver } = this.#pass(commit, views);
    for (const user of this.#concerned(commit, moved)) {
      const seen =
        all || moved.has(user.id) ? this.#move(user, commit, views) : this.#show(user, commit, views);
      const sessions = user.sessions.filter((session) => !handedOver.has(session));
      deliveries.push({ user, sessions, ...seen });
    }
    this.#conversations.get(commit.conversationId)?.settle(commit);
    this.#tidy(commit.conversationId);
    return deliveries;
  }

  #pass(commit: ConversationCommit, views: Views): { deliveries: Delivery<S>[]; handedOver: Set<S> } {
    const conversation = this.#conversations.get(commit.conversationId);
    if (!conversation || conversation.followers.size === 0) return { deliveries: [], handedOver: new Set() };
    const { followers, rules } = conversation;
    const { sights, handedOver } = passFollowers(followers, commit, rules, views);
    for (const follower of followers) if (follower.phase === 'ended') conversation.unfollow(follower);
    return { deliveries: sights.map((sight) => ({ user: null, ...sight })), handedOver };
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
  #show(user: User<S>, commit: ConversationCommit, views: Views): Seen {
    const role = commit.roles.get(user.id);
    const before = user.memberships.get(commit.conversationId);
    if (before && role) user.memberships.set(commit.conversationId, { ...before, role });
    const viewer = this.#viewer(user, commit.conversationId);
    return { item: viewOf(commit, viewer, null, views), revoked: null };
  }

  #move(user: User<S>, commit: ConversationCommit, views: Views): Seen {
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
    return { item: viewOf(commit, viewer, course.visible, views), revoked };
  }

  #viewer(user: User<S>, conversationId: string, place = user.memberships.get(conversationId)): Viewer {
    return viewerOf(user.id, place, this.#conversations.get(conversationId)?.rules ?? UNKNOWN_RULES);
  }

  #enter(user: User<S>, conversationId: string, place: Place): void {
    user.memberships.set(conversationId, this.#present(conversationId).enter(user, place));
  }

  #present(conversationId: string): PresentConversation<User<S>, S> {
    const known = this.#conversations.get(conversationId);
    if (known) return known;
    const conversation = new PresentConversation<User<S>, S>();
    this.#conversations.set(conversationId, conversation);
    return conversation;
  }

  #exit(user: User<S>, conversationId: string): void {
    this.#conversations.get(conversationId)?.members.delete(user);
    this.#tidy(conversationId);
  }

  #tidy(conversationId: string): void {
    if (this.#conversations.get(conversationId)?.isEmpty) this.#conversations.delete(conversationId);
  }

  /** The receipts of a commit, by user; users with the same conversations in it share one item. */
  receipts(commit: ReadsCommit): Map<User<S>, Item> {
    return receiptsOf(this, commit);
  }

  showsReceipts(conversationId: string): boolean {
    return this.#conversations.get(conversationId)?.showsReceipts ?? false;
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
        const cursors = cursorsFor(this, commit, user, commit.groups.keys());
        return cursors.length === 0 ? null : cursorItem(commit, cursors);
      }
      case 'user':
        return commit.token === userToken(user.id) ? commit.item : null;
      case 'hidden':
        return null;
    }
  }

  #replayedConversation(user: User<S>, commit: ConversationCommit, gone: readonly GoneTexts[]): Item | null {
    const place = user.memberships.get(commit.conversationId);
    return place ? viewSinceJoined(commit, place, this.#viewer(user, commit.conversationId), gone) : null;
  }
}
