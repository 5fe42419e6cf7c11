import type { LogEvent, RecordedEvent } from '@parley/contracts';

/** What the gateway lets through: others' lowered cursors redacted, their private and thread cursors not at all. */
export function seenBy(viewerId: string, event: LogEvent): RecordedEvent[] {
  if (event.type === 'cursor.lowered' && event.data.userId !== viewerId) {
    const { commandid, commandhash, correlationid, ...rest } = event;
    return [{ ...rest, actor: 'parley', data: {} }];
  }
  if (event.type !== 'cursors.advanced') return [event];
  const entries = event.data.entries.filter(
    (entry) => entry.userId === viewerId || !(entry.private || entry.threadOrdinal !== undefined),
  );
  return entries.length === 0 ? [] : [{ ...event, data: { entries } }];
}
