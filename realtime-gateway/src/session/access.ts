import { type EventData, isKnown, type RecordedEvent, type RevokedReason } from '@parley/contracts';
import type { Commit } from './commit.ts';
import { type ConversationCommit, type Rules, UNKNOWN_RULES } from './conversation-commit.ts';
import { countAfter } from './course.ts';
import { recordedEvents } from './item.ts';
import type { Place } from './view.ts';

/** Whom a broadcast reaches besides its members, as far as one user is concerned. */
export type Reach =
  | { kind: 'all' }
  | { kind: 'segment'; segment: string }
  | { kind: 'custom'; listed: boolean };

/** What a conversation's log says about one user. */
export interface Access {
  place: (Place & { joinedVersion: number }) | null;
  /** Milliseconds since 1970, Infinity = for good. It may be over. */
  bannedUntil: number | null;
  deleted: boolean;
  /** Null when it is no broadcast. */
  reach: Reach | null;
}

/** The access of one user to one conversation, as of a version of it. */
export interface AccessSnapshot {
  /** 0 = it is not there. */
  version: number;
  memberCount: number;
  rules: Rules;
  access: Access;
}

export const NOTHING_KNOWN: AccessSnapshot = {
  version: 0,
  memberCount: 0,
  rules: UNKNOWN_RULES,
  access: { place: null, bannedUntil: null, deleted: false, reach: null },
};

export type Relation = 'member' | 'audience' | 'visitor' | 'banned' | 'stranger';

/**
 * What a user is to a conversation, in the order of the read API. Where history is for members only there is nothing for
 * visitors: they are strangers. `now` in milliseconds since 1970.
 */
export function relationOf(
  { version, rules, access }: AccessSnapshot,
  segments: readonly string[],
  now: number,
): Relation {
  if (version === 0 || access.deleted) return 'stranger';
  if (access.bannedUntil !== null && access.bannedUntil > now) return 'banned';
  if (access.place) return 'member';
  if (rules.type === 'broadcast') return reaches(access.reach, segments) ? 'audience' : 'stranger';
  return isOpen(rules) ? 'visitor' : 'stranger';
}

/** Whether a broadcast reaches a user with these segments who is no member of it. */
export function reaches(reach: Reach | null, segments: readonly string[]): boolean {
  if (reach?.kind === 'segment') return segments.includes(reach.segment);
  return reach?.kind === 'all' || (reach?.kind === 'custom' && reach.listed);
}

/** Whether anybody may look in. */
function isOpen({ type, history }: Rules): boolean {
  return type === 'channel' && history === 'shared';
}

/** Versions before this one are not the user's to see. */
export function firstVersion({ place }: Access, { history }: Rules): number {
  return place && history !== 'shared' ? place.joinedVersion : 0;
}

/** The same object when the event is not about the user. */
function evolveAccess(access: Access, event: RecordedEvent, userId: string, sequence: number): Access {
  if (!isKnown(event)) return access;
  switch (event.type) {
    case 'conversation.created':
      return entered({ ...access, reach: reachOf(event.data, userId) }, event, { userId, sequence });
    case 'members.added':
      return entered(access, event, { userId, sequence });
    case 'member.role-changed':
      if (event.data.userId !== userId || !access.place) return access;
      return { ...access, place: { ...access.place, role: event.data.to } };
    case 'member.left':
      return event.data.userId === userId ? { ...access, place: null } : access;
    case 'members.removed':
      return event.data.userIds.includes(userId) ? { ...access, place: null } : access;
    case 'member.banned': {
      if (event.data.userId !== userId) return access;
      const { until } = event.data;
      const bannedUntil = until === undefined ? Number.POSITIVE_INFINITY : Date.parse(until);
      return { ...access, place: null, bannedUntil };
    }
    case 'member.unbanned':
      return event.data.userId === userId ? { ...access, bannedUntil: null } : access;
    case 'conversation.deleted':
      return { ...access, place: null, deleted: true };
    default:
      return access;
  }
}

function entered(
  access: Access,
  { version = 0, data }: Extract<RecordedEvent, { type: 'conversation.created' | 'members.added' }>,
  { userId, sequence: joinedSequence }: { userId: string; sequence: number },
): Access {
  const member = data.members.find((one) => one.userId === userId);
  if (!member || access.place) return access;
  const joinedOrdinal = 'ordinal' in data ? data.ordinal : 0;
  const place = { joinedSequence, joinedOrdinal, joinedVersion: version, role: member.role };
  return { ...access, place };
}

function reachOf({ audience }: EventData<'conversation.created'>, userId: string): Reach | null {
  if (audience?.kind !== 'custom') return audience ?? null;
  return { kind: 'custom', listed: audience.userIds.includes(userId) };
}

/**
 * Brings a user's access from the read model to the end of the log. Commits that the row reflects already are told by
 * their version.
 */
export class AccessFold {
  readonly #conversationId: string;
  readonly #userId: string;
  #snapshot: AccessSnapshot;

  constructor(conversationId: string, userId: string, snapshot: AccessSnapshot) {
    this.#conversationId = conversationId;
    this.#userId = userId;
    this.#snapshot = snapshot;
  }

  get snapshot(): AccessSnapshot {
    return this.#snapshot;
  }

  apply(commit: Commit): void {
    if (commit.kind !== 'conversation' || commit.conversationId !== this.#conversationId) return;
    const { version, memberCount, rules, access } = this.#snapshot;
    if (commit.lastVersion <= version) return;
    // A commit that was left out may be the one that bans the user: nobody is let in on less than everything.
    if (commit.firstVersion > version + 1) {
      throw new Error(
        `conversation ${this.#conversationId}: version ${commit.firstVersion} after ${version}`,
      );
    }
    if (commit.plain) {
      this.#snapshot = { ...this.#snapshot, version: commit.lastVersion };
      return;
    }
    this.#snapshot = {
      version: commit.lastVersion,
      memberCount: commit.changes.reduce(countAfter, memberCount),
      rules: { ...rules, ...commit.rules },
      access: recordedEvents(commit.item).reduce(
        (before, event) => evolveAccess(before, event, this.#userId, commit.sequence),
        access,
      ),
    };
  }
}

/** One follower's way through a commit. */
interface Passage {
  access: Access;
  /** Indexes of the events that they see: to the one that ends it, and again from the one that takes them back. */
  visible: number[];
  revoked: RevokedReason | null;
}

/** `rules` as they are after the commit. */
export function passThrough(
  before: Access,
  userId: string,
  { commit, events, rules }: { commit: ConversationCommit; events: readonly RecordedEvent[]; rules: Rules },
): Passage {
  let access = before;
  let revoked: RevokedReason | null = null;
  const visible: number[] = [];
  for (const [index, event] of events.entries()) {
    const next = evolveAccess(access, event, userId, commit.sequence);
    if (next.place && !access.place) revoked = null;
    if (!revoked) visible.push(index);
    if (next !== access) revoked = endOf(access, next, event.type) ?? revoked;
    access = next;
  }
  if (!revoked && !access.place && rules.type !== 'broadcast' && !isOpen(rules)) revoked = 'removed';
  return { access, visible, revoked };
}

function endOf(before: Access, after: Access, type: string): RevokedReason | null {
  if (after.deleted) return 'deleted';
  if (type === 'member.banned') return 'banned';
  if (before.place && !after.place) return type === 'member.left' ? 'left' : 'removed';
  return null;
}
