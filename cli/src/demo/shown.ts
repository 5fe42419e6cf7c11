import type { RecordedEvent } from '@parley/contracts';
import { isKnown } from '@parley/contracts';
import { fingerprint } from './received.ts';

/**
 * What a commit shows, one fingerprint each: an event of a conversation is known by its id; of a cursor event users see
 * different entries, so each entry counts for itself.
 */
export function printsOf(event: RecordedEvent): number[] {
  if (!isKnown(event) || event.type !== 'cursors.advanced') return [fingerprint(event.id)];
  return event.data.entries.map((entry) =>
    cursorPrint(event.id, entry.conversationId, entry.userId, entry.readOrdinal ?? 0),
  );
}

export function cursorPrint(
  eventId: string,
  conversationId: string,
  userId: string,
  readOrdinal: number,
): number {
  return fingerprint(`${eventId} ${conversationId} ${userId} ${readOrdinal}`);
}
