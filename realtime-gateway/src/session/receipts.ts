import { type CursorEntry, cursorItem, type ReadsCommit } from './commit.ts';
import type { Item } from './item.ts';
import type { User } from './user.ts';

/** Who is connected, as far as receipts need to know. */
interface Readers<S> {
  user(id: string): User<S> | undefined;
  membersOf(conversationId: string): ReadonlySet<User<S>> | undefined;
  showsReceipts(conversationId: string): boolean;
}

/** What one user sees of a commit of cursors. */
interface Share {
  conversationIds: string[];
  /** Cursors that nobody else is sent are in it. */
  own: boolean;
}

/** The receipts of a commit, by user; users with the same conversations in it share one item. */
export function receiptsOf<S>(readers: Readers<S>, commit: ReadsCommit): Map<User<S>, Item> {
  const shares = new Map<User<S>, Share>();
  for (const [conversationId, entries] of commit.groups) {
    const shown = readers.showsReceipts(conversationId) && entries.some(({ reach }) => reach === 'members');
    if (shown) {
      for (const user of readers.membersOf(conversationId) ?? [])
        addShare(shares, user, conversationId, false);
    }
    for (const entry of entries) {
      const user = shown && entry.reach === 'members' ? undefined : readers.user(entry.userId);
      if (user && sees(readers, user, commit, { entry, conversationId })) {
        addShare(shares, user, conversationId, true);
      }
    }
  }
  return encodeShares(readers, commit, shares);
}

/** Conversations are added in the commit's order, so that equal shares have equal keys. */
function addShare<U>(shares: Map<U, Share>, user: U, conversationId: string, own: boolean): void {
  const share = shares.get(user);
  if (!share) {
    shares.set(user, { conversationIds: [conversationId], own });
    return;
  }
  if (share.conversationIds.at(-1) !== conversationId) share.conversationIds.push(conversationId);
  share.own ||= own;
}

function encodeShares<S>(
  readers: Readers<S>,
  commit: ReadsCommit,
  shares: Map<User<S>, Share>,
): Map<User<S>, Item> {
  const items = new Map<string, Item>();
  const result = new Map<User<S>, Item>();
  for (const [user, { conversationIds, own }] of shares) {
    const key = conversationIds.join() + (own ? ` ${user.id}` : '');
    let item = items.get(key);
    if (!item) {
      item = cursorItem(commit, cursorsFor(readers, commit, user, conversationIds));
      items.set(key, item);
    }
    result.set(user, item);
  }
  return result;
}

/** A user's own cursor is theirs in every case; without a membership only the one of an audience means anything. */
function sees<S>(
  readers: Readers<S>,
  user: User<S>,
  commit: ReadsCommit,
  { entry, conversationId }: { entry: CursorEntry; conversationId: string },
): boolean {
  if (entry.reach === 'audience') return entry.userId === user.id;
  const place = user.memberships.get(conversationId);
  if (place === undefined || place.joinedSequence > commit.sequence) return false;
  return entry.userId === user.id || (entry.reach === 'members' && readers.showsReceipts(conversationId));
}

/** Those that one user sees of some conversations' cursors. */
export function cursorsFor<S>(
  readers: Readers<S>,
  commit: ReadsCommit,
  user: User<S>,
  conversationIds: Iterable<string>,
): CursorEntry[] {
  return [...conversationIds].flatMap((conversationId) =>
    (commit.groups.get(conversationId) ?? []).filter((entry) =>
      sees(readers, user, commit, { entry, conversationId }),
    ),
  );
}
