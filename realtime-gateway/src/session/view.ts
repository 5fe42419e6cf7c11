import { type EventReader, type Role, redactEvent } from '@parley/contracts';
import type { ConversationCommit, Rules } from './conversation-commit.ts';
import type { GoneTexts } from './gone-texts.ts';
import { encodeItem, eventsOf, type Item } from './item.ts';

/** What a user is in a conversation. */
export interface Place {
  /** Of the commit that made the user a member. */
  joinedSequence: number;
  /** Messages that were there already; 0 for founders. */
  joinedOrdinal: number;
  role: Role;
}

export function isSamePlace(one: Place, other: Place): boolean {
  return (
    one.joinedSequence === other.joinedSequence &&
    one.joinedOrdinal === other.joinedOrdinal &&
    one.role === other.role
  );
}

/** What one user is in one conversation, as far as it decides what they see of a commit. */
export interface Viewer {
  userId: string;
  isMember: boolean;
  isModerator: boolean;
  /** What happens to messages up to this ordinal is not theirs to see; 0 = they see all. */
  hiddenThrough: number;
}

/** `place` is undefined for who comes and goes within one commit: they see what they were there for, as no moderator. */
export function viewerOf(userId: string, place: Place | undefined, { history, type }: Rules): Viewer {
  return {
    userId,
    isMember: true,
    isModerator: place !== undefined && moderates(place.role, type),
    hiddenThrough: history === 'shared' ? 0 : (place?.joinedOrdinal ?? 0),
  };
}

/** Who looks in without being a member: a visitor of a channel, the audience of a broadcast. */
export function outsiderOf(userId: string): Viewer {
  return { userId, isMember: false, isModerator: false, hiddenThrough: 0 };
}

/** Moderators do not moderate broadcasts; in a conversation of unknown type they wait until it is known. */
function moderates(role: Role, type: Rules['type']): boolean {
  if (role === 'owner' || role === 'admin') return true;
  return role === 'moderator' && type !== null && type !== 'broadcast';
}

/** Views of one commit by class of viewer, all made in one tick: each is made once. */
export type Views = Map<string, Item>;

/**
 * What a viewer sees of a commit: of the events at the given indexes, or of all. Nearly always that is the commit as
 * stored; else it is made once for all who see the same. `gone`: every source that may know of a text that is gone.
 */
export function viewOf(
  commit: ConversationCommit,
  viewer: Viewer,
  visible: readonly number[] | null,
  views: Views,
  gone: readonly GoneTexts[] = [],
): Item | null {
  if (visible?.length === 0) return null;
  const part = visible && visible.length < commit.size ? visible : null;
  const hidden = commit.ordinals.filter((ordinal) => ordinal <= viewer.hiddenThrough);
  const lost = gone.length > 0 && commit.ordinals.some((ordinal) => isGone(commit, ordinal, gone));
  if (!part && !commit.guarded && hidden.length === 0 && !lost) return commit.item;
  const key = classOf(commit, viewer, part, hidden);
  const known = views.get(key);
  if (known) return known;
  const item = made(commit, viewer, part, gone);
  views.set(key, item);
  return item;
}

/** What a member sees of a commit in a replay: from the event that made them one on. */
export function viewSinceJoined(
  commit: ConversationCommit,
  { joinedSequence }: Place,
  viewer: Viewer,
  gone: readonly GoneTexts[],
): Item | null {
  if (joinedSequence > commit.sequence) return null;
  if (joinedSequence < commit.sequence) return viewOf(commit, viewer, null, new Map(), gone);
  const entry = commit.changes.findLast(
    (change) => change.kind === 'joined' && change.userIds.includes(viewer.userId),
  );
  const visible = Array.from({ length: commit.size }, (_, index) => index).slice(entry?.event ?? 0);
  return viewOf(commit, viewer, visible, new Map(), gone);
}

/** Viewers of one class see the same. A user id comes last, since it may hold anything. */
function classOf(
  commit: ConversationCommit,
  viewer: Viewer,
  part: readonly number[] | null,
  hidden: readonly number[],
): string {
  const moderator = commit.guarded && viewer.isModerator ? 'moderator' : '';
  const outside = commit.guarded && !viewer.isMember ? 'outside' : '';
  const own = commit.lowered.includes(viewer.userId) ? viewer.userId : '';
  return `${part?.join() ?? ''}|${hidden.join()}|${moderator}${outside}|${own}`;
}

function made(
  commit: ConversationCommit,
  viewer: Viewer,
  part: readonly number[] | null,
  gone: readonly GoneTexts[],
): Item {
  const stored = eventsOf(commit.item);
  const reader = readerOf(commit, viewer, gone);
  const shown = stored.map((event) => redactEvent(event, reader));
  if (part) {
    return encodeItem(
      commit.sequence,
      part.map((index) => shown[index]),
    );
  }
  const whole = shown.every((event, index) => event === stored[index]);
  return whole ? commit.item : encodeItem(commit.sequence, shown);
}

function readerOf(commit: ConversationCommit, viewer: Viewer, gone: readonly GoneTexts[]): EventReader {
  const { conversationId } = commit;
  return {
    ...viewer,
    expiredThrough: Math.max(0, ...gone.map((texts) => texts.expiredThrough(conversationId))),
    isDeleted: (ordinal) => gone.some((texts) => texts.isDeleted(conversationId, ordinal)),
  };
}

function isGone(
  { conversationId }: ConversationCommit,
  ordinal: number,
  gone: readonly GoneTexts[],
): boolean {
  return gone.some(
    (texts) => texts.isDeleted(conversationId, ordinal) || ordinal <= texts.expiredThrough(conversationId),
  );
}
