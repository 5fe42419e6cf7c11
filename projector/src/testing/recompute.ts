import { decodeCommit, isConversationEvent, isKnown, type LogEvent, parseSubject } from '@parley/contracts';
import type { CommitRecord } from '@parley/runtime';

interface Seen {
  /** Of who is a member: the cursor, and the message count when they came. */
  members: Map<string, { read: number; joined: number }>;
  /** Whether an ordinal counts: neither a thread reply nor deleted. */
  messages: Map<number, boolean>;
  expired: number;
  fromJoining: boolean;
}

/**
 * Unread of every member of every conversation, event by event and message by message: as plain as can be, to hold the
 * projector's merged numbers against.
 */
export function recomputeUnread(records: readonly CommitRecord[]): Record<string, number> {
  const rooms = new Map<string, Seen>();
  const seenOf = (id: string) => {
    const seen = rooms.get(id) ?? { members: new Map(), messages: new Map(), expired: 0, fromJoining: false };
    rooms.set(id, seen);
    return seen;
  };
  for (const record of records) {
    const aggregate = parseSubject(record.subject);
    for (const event of decodeCommit(record.payload)) {
      if (!isKnown(event)) continue;
      if (event.type === 'cursors.advanced') {
        for (const entry of event.data.entries) {
          if (entry.audience || entry.threadOrdinal !== undefined) continue;
          raise(seenOf(entry.conversationId), entry.userId, entry.readOrdinal ?? 0);
        }
      } else if (aggregate?.kind === 'conversation') see(seenOf(aggregate.id), event);
    }
  }
  const unread: Record<string, number> = {};
  for (const [id, { members, messages, expired, fromJoining }] of rooms) {
    for (const [userId, { read, joined }] of members) {
      const floor = Math.max(read, expired, fromJoining ? joined : 0);
      unread[`${id} ${userId}`] = [...messages].filter(([each, counts]) => counts && each > floor).length;
    }
  }
  return unread;
}

function raise({ members }: Seen, userId: string, ordinal: number): void {
  const member = members.get(userId);
  if (member && ordinal > member.read) member.read = ordinal;
}

function see(seen: Seen, event: LogEvent): void {
  if (!isConversationEvent(event)) return;
  switch (event.type) {
    case 'conversation.created':
      seen.fromJoining = event.data.settings.historyVisibility === 'joined';
      for (const { userId } of event.data.members) seen.members.set(userId, { read: 0, joined: 0 });
      break;
    case 'members.added': {
      const { members, ordinal } = event.data;
      for (const { userId } of members) seen.members.set(userId, { read: ordinal, joined: ordinal });
      break;
    }
    case 'member.left':
    case 'member.banned':
      seen.members.delete(event.data.userId);
      break;
    case 'members.removed':
      for (const id of event.data.userIds) seen.members.delete(id);
      break;
    case 'message.sent': {
      const isMain = event.data.threadOrdinal === undefined;
      seen.messages.set(event.data.ordinal, isMain);
      if (isMain) raise(seen, event.actor, event.data.ordinal);
      break;
    }
    case 'message.deleted':
      seen.messages.set(event.data.ordinal, false);
      break;
    case 'messages.expired':
      seen.expired = Math.max(seen.expired, event.data.throughOrdinal);
      break;
    case 'cursor.lowered': {
      const member = seen.members.get(event.data.userId);
      if (member) member.read = event.data.ordinal;
      break;
    }
  }
}
