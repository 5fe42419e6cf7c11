import { conversationSubject } from '@parley/contracts';
import type { EventLog, LogRange } from '@parley/runtime';
import { type EventFilter, eventSelector } from '../log/event-filter.ts';
import { type EventRow, rowsOf } from '../log/event-row.ts';

/** A conversation's own events within a range, oldest first, page by page. */
export async function* history(
  log: EventLog,
  filter: EventFilter & { conversation: string },
  { after, until }: LogRange,
  signal: AbortSignal,
): AsyncGenerator<EventRow> {
  const select = eventSelector(filter);
  for await (const page of log.read(conversationSubject(filter.conversation), after)) {
    signal.throwIfAborted();
    for (const record of page) {
      if (record.sequence > until) return;
      for (const row of rowsOf(record)) {
        const selected = select(row);
        if (selected) yield selected;
      }
    }
  }
}

/**
 * The first version that the log holds of a conversation, when earlier ones were removed of which the range may have held
 * some; null when it is whole.
 */
export async function firstVersionLeft(
  log: EventLog,
  conversation: string,
  { after }: LogRange,
): Promise<number | null> {
  const { first } = await log.bounds();
  if (after >= first) return null;
  for await (const [oldest] of log.read(conversationSubject(conversation), 0)) {
    const version = oldest ? (rowsOf(oldest)[0]?.version ?? 1) : 1;
    return version > 1 ? version : null;
  }
  return null;
}
