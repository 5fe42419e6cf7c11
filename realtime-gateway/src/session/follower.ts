import type { RecordedEvent, RevokedReason } from '@parley/contracts';
import { type Access, firstVersion, passThrough } from './access.ts';
import type { ConversationCommit, Rules } from './conversation-commit.ts';
import { follow } from './course.ts';
import { type Item, recordedEvents } from './item.ts';
import { outsiderOf, type Viewer, type Views, viewerOf, viewOf } from './view.ts';

/** A session that follows one conversation beside its feed. */
export interface Follower<S> {
  readonly session: S;
  readonly userId: string;
  readonly conversationId: string;
  /** Through a feed of `all` a member gets the conversation anyway. */
  readonly feed: 'all' | 'none';
  phase: 'replaying' | 'live' | 'ended';
  access: Access;
  /** Versions after this one reach the session through its feed; Infinity while none do. */
  until: number;
  /** Some of what the replay has yet to bring is not the user's to see any more. */
  stale: boolean;
}

/** What one commit means for some followers. */
interface Sight<S> {
  sessions: readonly S[];
  item: Item | null;
  revoked: RevokedReason | null;
}

/** A commit on its way past the followers. */
interface Passage {
  commit: ConversationCommit;
  events: readonly RecordedEvent[];
  /** As they are after the commit… */
  rules: Rules;
  /** …and before it. */
  rulesBefore: Rules;
  views: Views;
}

/** How a follower sees the conversation at present. */
export function followerView<S>({ userId, access }: Follower<S>, rules: Rules): Viewer {
  return access.place ? viewerOf(userId, access.place, rules) : outsiderOf(userId);
}

/**
 * Takes a conversation's followers through a commit that is not alike for all. `handedOver`: sessions that had
 * all of it here, its end as well, and have nothing of it to get from their feed. Who is not named in it is not looked
 * at one by one: a channel has thousands of visitors, and many who join.
 */
export function passFollowers<S>(
  followers: Iterable<Follower<S>>,
  commit: ConversationCommit,
  rulesBefore: Rules,
  views: Views,
): { sights: Sight<S>[]; handedOver: Set<S> } {
  const events = recordedEvents(commit.item);
  const passage = { commit, events, rulesBefore, rules: { ...rulesBefore, ...commit.rules }, views };
  const named = namedUsers(events);
  const sights: Sight<S>[] = [];
  const handedOver = new Set<S>();
  const alike: S[] = [];
  for (const follower of followers) {
    const isOutsider = follower.access.place === null;
    if (isOutsider && named !== 'all' && !named.has(follower.userId)) {
      if (follower.phase === 'live') alike.push(follower.session);
      continue;
    }
    const wasLive = follower.phase === 'live';
    const sight = pass(follower, passage);
    if (!sight) continue;
    sights.push(sight);
    if (wasLive && follower.phase === 'ended') handedOver.add(follower.session);
  }
  if (alike.length > 0) {
    sights.push({ sessions: alike, item: viewOf(commit, outsiderOf(''), null, views), revoked: null });
  }
  return { sights, handedOver };
}

/** Who may stand differently after the commit, or sees it differently. */
function namedUsers(events: readonly RecordedEvent[]): Set<string> | 'all' {
  const named = new Set<string>();
  for (const { type, data } of events) {
    if (type === 'conversation.deleted' || type === 'conversation.updated') return 'all';
    const { userId, userIds, members } = (data ?? {}) as Record<string, unknown>;
    if (typeof userId === 'string') named.add(userId);
    if (Array.isArray(userIds)) for (const each of userIds) named.add(String(each));
    if (Array.isArray(members)) for (const each of members) named.add(String(each?.userId));
  }
  return named;
}

function pass<S>(follower: Follower<S>, passage: Passage): Sight<S> | null {
  const { access: before, phase, userId, session } = follower;
  const { access, visible, revoked } = passThrough(before, userId, passage);
  const isTold = revoked !== null && isToldByFeed(follower, passage);
  follower.access = access;
  if (revoked) {
    follower.phase = 'ended';
    // Who is gone afterwards is no moderator any more.
    const place = before.place && { ...before.place, role: 'guest' as const };
    const last = { ...follower, access: { ...before, place } };
    const item = phase === 'live' ? see(last, passage, visible) : null;
    return isTold ? null : { sessions: [session], item, revoked };
  }
  if (firstVersion(access, passage.rules) > firstVersion(before, passage.rulesBefore)) follower.stale = true;
  const joins = !before.place && access.place !== null && follower.feed === 'all';
  if (phase !== 'live') {
    if (joins)
      follower.until =
        passage.commit.firstVersion + (follow(passage.commit, userId, false).visible[0] ?? 0) - 1;
    return null;
  }
  if (joins) follower.phase = 'ended';
  return { sessions: [session], item: see(follower, passage, visible), revoked: null };
}

/** Of the end of one who was a member before it, be it within the commit; unless a live follower has all of that. */
function isToldByFeed<S>({ until, feed, phase, userId }: Follower<S>, { commit }: Passage): boolean {
  if (until !== Number.POSITIVE_INFINITY) return true;
  return phase !== 'live' && feed === 'all' && follow(commit, userId, false).left !== null;
}

function see<S>(
  follower: Follower<S>,
  { commit, rulesBefore, views }: Passage,
  visible: readonly number[],
): Item | null {
  return viewOf(commit, followerView(follower, rulesBefore), visible, views);
}
