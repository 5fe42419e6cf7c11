import type { EventOf } from '@parley/contracts';
import type { ConversationChanges } from './changes.ts';
import type { Folds, Place } from './fold.ts';
import type { Departure, MemberChange, MemberPatch } from './member-change.ts';

/** One row per user and conversation; whoever went keeps it, marked, until coming back overwrites it. */
export const memberFolds: Folds = {
  'conversation.created': (event, place) => putMembers(event, 0, place),
  'members.added': (event, place) => putMembers(event, event.data.ordinal, place),
  'member.left': ({ data }, { changes, sequence }) => {
    leave(changes, data.userId, { sequence, reason: 'left' });
  },
  'members.removed': ({ data }, { changes, sequence }) => {
    for (const userId of data.userIds) leave(changes, userId, { sequence, reason: 'removed' });
  },
  'member.banned': ({ data }, { changes, sequence }) => {
    if (data.role !== undefined) leave(changes, data.userId, { sequence, reason: 'banned' });
  },
  'member.role-changed': ({ data }, { changes }) => {
    const change = memberOf(changes, data.userId);
    if (change.departure === null) change.role = data.to;
  },
  'message.sent': ({ data, actor }, { changes }) => {
    if (data.threadOrdinal !== undefined) return;
    raiseRead(memberOf(changes, actor), data.ordinal);
    for (const userId of data.mentions.users) mentioned(changes, userId, data.ordinal);
  },
  'message.edited': ({ data }, { changes }) => {
    if (data.threadOrdinal !== undefined) return;
    for (const userId of data.mentions.users) mentioned(changes, userId, data.ordinal);
  },
  'cursor.lowered': ({ data }, { changes }) => lowerRead(memberOf(changes, data.userId), data.ordinal),
};

/** The member's change, for others to merge into; a patch that changes nothing when there was none yet. */
export function memberOf({ members }: ConversationChanges, userId: string): MemberChange {
  let change = members.get(userId);
  if (!change) {
    change = unchanged();
    members.set(userId, change);
  }
  return change;
}

function unchanged(): MemberPatch {
  return {
    kind: 'patch',
    role: null,
    lowered: false,
    readOrdinal: 0,
    deliveredOrdinal: 0,
    receiptOrdinal: 0,
    lastMentionOrdinal: 0,
    cursorSequence: 0,
    departure: null,
  };
}

/**
 * A cursor rises only of somebody who is there: raising it after the member went is void. Reading implies delivery, but
 * what one reads in private neither receipt nor delivery tells the others.
 */
export function raiseRead(change: MemberChange, ordinal: number, isPrivate = false): void {
  if (change.departure !== null) return;
  change.readOrdinal = Math.max(change.readOrdinal, ordinal);
  if (isPrivate) return;
  change.deliveredOrdinal = Math.max(change.deliveredOrdinal, ordinal);
  change.receiptOrdinal = Math.max(change.receiptOrdinal, ordinal);
}

export function raiseDelivered(change: MemberChange, ordinal: number): void {
  if (change.departure === null) change.deliveredOrdinal = Math.max(change.deliveredOrdinal, ordinal);
}

/** What others were shown they have seen: the receipt stays. */
function lowerRead(change: MemberChange, ordinal: number): void {
  if (change.departure !== null) return;
  change.readOrdinal = ordinal;
  if (change.kind === 'patch') change.lowered = true;
}

function mentioned(changes: ConversationChanges, userId: string, ordinal: number): void {
  const change = memberOf(changes, userId);
  if (change.departure === null) change.lastMentionOrdinal = Math.max(change.lastMentionOrdinal, ordinal);
}

function putMembers(
  { data, time, version = 0 }: EventOf<'conversation.created' | 'members.added'>,
  ordinal: number,
  { changes, sequence }: Place,
): void {
  for (const { userId, role } of data.members) {
    changes.members.set(userId, {
      kind: 'put',
      role,
      joinedAt: time,
      joinedSequence: sequence,
      joinedVersion: version,
      joinedOrdinal: ordinal,
      readOrdinal: ordinal,
      deliveredOrdinal: ordinal,
      receiptOrdinal: ordinal,
      lastMentionOrdinal: changes.members.get(userId)?.lastMentionOrdinal ?? 0,
      departure: null,
    });
  }
}

function leave(changes: ConversationChanges, userId: string, departure: Departure): void {
  memberOf(changes, userId).departure ??= departure;
}
