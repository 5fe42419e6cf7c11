import { CorruptCommit, decodeCommit, parseSubject, type RecordedEvent } from '@parley/contracts';
import type { CommitRecord } from '@parley/runtime';

/** One event of the log, in its current schema version, with what a person or a table looks for taken out of it. */
export interface EventRow {
  sequence: number;
  /** Place in its aggregate, dense from 1; cursors have none. */
  version: number | null;
  /** Of the message that it is about, or the conversation's count of messages at that moment. */
  ordinal: number | null;
  eventId: string;
  type: string;
  aggregate: 'conversation' | 'user' | 'reads' | 'unknown';
  /** A conversation's id, a user's subject token, a partition of cursors. */
  aggregateId: string;
  conversationId: string | null;
  /** Whose fact it is; only of users' own events. */
  userId: string | null;
  actor: string;
  time: string;
  storedAt: string;
  commandId: string | null;
  messageId: string | null;
  body: string | null;
  data: unknown;
}

/** Type of the row that stands for a commit that cannot be read; its data says why. */
export const UNREADABLE = 'parley.unreadable';

/** One row per event. A commit that cannot be read is one row, so that nobody takes it for absent. */
export function rowsOf(record: CommitRecord): EventRow[] {
  try {
    return decodeCommit(record.payload).map((event) => rowOf(record, event));
  } catch (error) {
    if (!(error instanceof CorruptCommit)) throw error;
    return [unreadable(record, error.message)];
  }
}

function rowOf(record: CommitRecord, event: RecordedEvent): EventRow {
  const data = event.data as Readonly<Record<string, unknown>>;
  const place = placeOf(record);
  return {
    sequence: record.sequence,
    version: numberOrNull(event.version),
    ordinal: numberOrNull(data.ordinal),
    eventId: event.id,
    type: event.type,
    ...place,
    conversationId: place.conversationId ?? textOrNull(data.conversationId),
    userId: place.aggregate === 'user' ? afterSlash(event.subject) : null,
    actor: event.actor,
    time: event.time,
    storedAt: new Date(record.storedAt).toISOString(),
    commandId: textOrNull(event.commandid),
    messageId: textOrNull(data.messageId),
    body: textOrNull(data.body),
    data,
  };
}

function unreadable(record: CommitRecord, reason: string): EventRow {
  const storedAt = new Date(record.storedAt).toISOString();
  return {
    sequence: record.sequence,
    version: null,
    ordinal: null,
    eventId: record.commitId,
    type: UNREADABLE,
    ...placeOf(record),
    userId: null,
    actor: '',
    time: storedAt,
    storedAt,
    commandId: null,
    messageId: null,
    body: null,
    data: { reason },
  };
}

function placeOf({ subject }: CommitRecord): Pick<EventRow, 'aggregate' | 'aggregateId' | 'conversationId'> {
  const aggregate = parseSubject(subject);
  switch (aggregate?.kind) {
    case 'conversation':
      return { aggregate: 'conversation', aggregateId: aggregate.id, conversationId: aggregate.id };
    case 'user':
      return { aggregate: 'user', aggregateId: aggregate.token, conversationId: null };
    case 'reads':
      return { aggregate: 'reads', aggregateId: String(aggregate.partition), conversationId: null };
    default:
      return { aggregate: 'unknown', aggregateId: subject, conversationId: null };
  }
}

/** The data of an event was not checked: it may be anything. */
function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function numberOrNull(value: unknown): number | null {
  return Number.isSafeInteger(value) ? (value as number) : null;
}

function afterSlash(text: string): string {
  return text.slice(text.indexOf('/') + 1);
}
