import type { EventData } from '@parley/contracts';
import { type ConversationChanges, changesOf, type LaneChanges } from './changes.ts';
import { memberOf, raiseDelivered, raiseRead } from './members.ts';
import { raiseFollower } from './threads.ts';

type CursorEntry = EventData<'cursors.advanced'>['entries'][number];

/**
 * One entry of `cursors.advanced` in the commit at `sequence`. The caller leaves out entries from before the newest
 * commit of the conversation that it knows to be applied; the statements do when it knew none.
 */
export function foldCursor(entry: CursorEntry, lane: LaneChanges, sequence: number): void {
  const changes = changesOf(lane, entry.conversationId);
  const { userId, readOrdinal = 0, deliveredOrdinal = 0 } = entry;
  if (entry.threadOrdinal !== undefined) {
    const follower = raiseFollower(changes, entry.threadOrdinal, userId, readOrdinal);
    follower.cursorSequence = sequence;
    return;
  }
  if (entry.audience) {
    raiseAudience(changes, userId, readOrdinal, Math.max(readOrdinal, deliveredOrdinal));
    return;
  }
  const member = memberOf(changes, userId);
  if (readOrdinal > 0) raiseRead(member, readOrdinal, entry.private);
  raiseDelivered(member, deliveredOrdinal);
  if (member.kind === 'patch') member.cursorSequence = sequence;
}

function raiseAudience(
  { audienceCursors }: ConversationChanges,
  userId: string,
  readOrdinal: number,
  deliveredOrdinal: number,
): void {
  const cursor = audienceCursors.get(userId);
  audienceCursors.set(userId, {
    readOrdinal: Math.max(readOrdinal, cursor?.readOrdinal ?? 0),
    deliveredOrdinal: Math.max(deliveredOrdinal, cursor?.deliveredOrdinal ?? 0),
  });
}
