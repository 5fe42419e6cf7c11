import type { ConversationChanges, Departure, MemberPatch } from './changes.ts';
import type { ConversationEventType, Folds } from './fold.ts';

interface NewMember {
  userId: string;
  role: string;
}

/** One row per user and conversation; whoever went keeps it, marked, until coming back overwrites it. */
export const memberFolds: Folds<ConversationEventType> = {
  'conversation.created': (event, { changes, sequence }) => {
    putMembers(changes, event.data.members, event.time, sequence, 0);
  },
  'members.added': (event, { changes, sequence }) => {
    putMembers(changes, event.data.members, event.time, sequence, event.data.ordinal);
  },
  'member.left': (event, { changes, sequence }) => {
    leave(changes, event.data.userId, { sequence, reason: 'left' });
  },
  'members.removed': (event, { changes, sequence }) => {
    for (const userId of event.data.userIds) leave(changes, userId, { sequence, reason: 'removed' });
  },
  'message.sent': (event, { changes }) => raiseCursor(changes, event.actor, event.data.ordinal),
  'message.edited': 'ignored',
  'message.deleted': 'ignored',
};

/** A cursor only rises, and only of somebody who is there: raising it after the member went is void. */
export function raiseCursor(changes: ConversationChanges, userId: string, readOrdinal: number): void {
  const change = changes.members.get(userId) ?? patchOf(changes, userId);
  if (change.departure === null && readOrdinal > change.readOrdinal) change.readOrdinal = readOrdinal;
}

function putMembers(
  changes: ConversationChanges,
  members: readonly NewMember[],
  joinedAt: string,
  joinedSequence: number,
  readOrdinal: number,
): void {
  for (const { userId, role } of members) {
    changes.members.set(userId, {
      kind: 'put',
      role,
      joinedAt,
      joinedSequence,
      readOrdinal,
      departure: null,
    });
  }
}

function leave(changes: ConversationChanges, userId: string, departure: Departure): void {
  const change = changes.members.get(userId) ?? patchOf(changes, userId);
  change.departure ??= departure;
}

function patchOf(changes: ConversationChanges, userId: string): MemberPatch {
  const patch: MemberPatch = { kind: 'patch', readOrdinal: 0, departure: null };
  changes.members.set(userId, patch);
  return patch;
}
