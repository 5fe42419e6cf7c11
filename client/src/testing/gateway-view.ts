import { type LogEvent, type RecordedEvent, redactEvent } from '@parley/contracts';

/** What the gateway lets through to a member: redacted events, and not others' private and thread cursors. */
export function seenBy(viewerId: string, event: LogEvent): RecordedEvent[] {
  if (event.type !== 'cursors.advanced') return [redacted(viewerId, event)];
  const entries = event.data.entries.filter(
    (entry) => entry.userId === viewerId || !(entry.private || entry.threadOrdinal !== undefined),
  );
  return entries.length === 0 ? [] : [{ ...event, data: { entries } }];
}

function redacted(userId: string, event: LogEvent): RecordedEvent {
  return redactEvent(
    { ...event },
    {
      userId,
      isMember: true,
      isModerator: false,
      hiddenThrough: 0,
      expiredThrough: 0,
      isDeleted: () => false,
    },
  );
}
