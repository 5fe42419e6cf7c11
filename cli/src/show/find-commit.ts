import { conversationSubject } from '@parley/contracts';
import { type CommitRecord, type EventLog, type LogRange, readRange } from '@parley/runtime';
import { rowsOf } from '../log/event-row.ts';

export interface Wanted {
  id: string;
  range: LogRange;
  /** Only its own commits are looked through. */
  conversation?: string | undefined;
  signal: AbortSignal;
  /** So many commits more were looked through. */
  looked(commits: number): void;
}

/**
 * The first commit of a range in which an event, a message that was sent, or a command has this id; null when there is
 * none. Looks through the log, since nothing else is sure to know; bytes are compared before anything is decoded.
 */
export async function findCommit(log: EventLog, wanted: Wanted): Promise<CommitRecord | null> {
  const { id, range, signal } = wanted;
  const bytes = Buffer.from(id, 'utf8');
  for await (const batch of commitsFor(log, wanted)) {
    signal.throwIfAborted();
    for (const record of batch) {
      if (record.sequence > range.until) return null;
      if (
        Buffer.from(record.payload.buffer, record.payload.byteOffset, record.payload.byteLength).includes(
          bytes,
        ) &&
        isIn(record, id)
      ) {
        return record;
      }
    }
    wanted.looked(batch.length);
  }
  return null;
}

function commitsFor(log: EventLog, { conversation, range, signal }: Wanted): AsyncIterable<CommitRecord[]> {
  if (conversation === undefined) return readRange(log, range, { signal });
  return log.read(conversationSubject(conversation), range.after);
}

function isIn(record: CommitRecord, id: string): boolean {
  return rowsOf(record).some(
    (row) =>
      row.eventId === id || row.commandId === id || (row.type === 'message.sent' && row.messageId === id),
  );
}
