import { decodeCommit, isKnown, type LogEvent, parseSubject } from '@parley/contracts';
import type { CommitRecord } from '@parley/runtime';

interface Seen {
  read: Map<string, number>;
  messages: Map<number, boolean>;
}

/**
 * Unread of every member of every conversation, event by event and message by message: as plain as can be, to hold the
 * projector's merged numbers against.
 */
export function recomputeUnread(records: readonly CommitRecord[]): Record<string, number> {
  const rooms = new Map<string, Seen>();
  const seenOf = (id: string) => {
    const seen = rooms.get(id) ?? { read: new Map(), messages: new Map() };
    rooms.set(id, seen);
    return seen;
  };
  for (const record of records) {
    const aggregate = parseSubject(record.subject);
    for (const event of decodeCommit(record.payload)) {
      if (!isKnown(event)) continue;
      if (event.type === 'cursors.advanced') {
        for (const { conversationId, userId, readOrdinal } of event.data.entries) {
          raise(seenOf(conversationId), userId, readOrdinal);
        }
      } else if (aggregate?.kind === 'conversation') see(seenOf(aggregate.id), event);
    }
  }
  const unread: Record<string, number> = {};
  for (const [id, { read, messages }] of rooms) {
    for (const [userId, ordinal] of read) {
      unread[`${id} ${userId}`] = [...messages].filter(([each, there]) => there && each > ordinal).length;
    }
  }
  return unread;
}

function raise({ read }: Seen, userId: string, ordinal: number): void {
  const current = read.get(userId);
  if (current !== undefined && ordinal > current) read.set(userId, ordinal);
}

function see(seen: Seen, event: LogEvent): void {
  if (event.type === 'conversation.created') {
    for (const { userId } of event.data.members) seen.read.set(userId, 0);
  } else if (event.type === 'members.added') {
    for (const { userId } of event.data.members) seen.read.set(userId, event.data.ordinal);
  } else if (event.type === 'member.left') seen.read.delete(event.data.userId);
  else if (event.type === 'members.removed') for (const id of event.data.userIds) seen.read.delete(id);
  else if (event.type === 'message.sent') {
    seen.messages.set(event.data.ordinal, true);
    raise(seen, event.actor, event.data.ordinal);
  } else if (event.type === 'message.deleted') seen.messages.set(event.data.ordinal, false);
}
