import { conversationSubject, decodeCommit, isKnown } from '@parley/contracts';
import { type EventLog, ProblemError } from '@parley/runtime';
import type { ReadModelLookup } from './read-model-lookup.ts';

export interface MessageQuestion {
  conversationId: string;
  messageId: string;
  /** Where the client says it was sent. */
  sequence?: number | undefined;
  /** The caller knows every message after this sequence. */
  forgottenThrough: number;
}

/**
 * Author and ordinal of a message that the window does not hold, read from the log itself: from the sequence the client
 * names, else from where the read model says it is. Null = it is not there. Throws `unavailable` when nobody can tell.
 */
export async function findMessage(
  question: MessageQuestion,
  log: EventLog,
  lookup: ReadModelLookup,
): Promise<{ senderId: string; ordinal: number } | null> {
  const sequence = question.sequence ?? (await projectedSequence(question, lookup));
  return sequence === null ? null : messageAt(log, question, sequence);
}

async function projectedSequence(
  { conversationId, messageId, forgottenThrough }: MessageQuestion,
  lookup: ReadModelLookup,
): Promise<number | null> {
  const found = await lookup.messageSequence(conversationId, messageId).catch(() => null);
  if (!found || (found.sequence === null && found.through < forgottenThrough)) {
    throw new ProblemError('unavailable', {
      detail: 'The read model cannot tell where this message is; name its `sequence`, or retry.',
      retryAfterMs: 1_000,
    });
  }
  return found.sequence;
}

async function messageAt(
  log: EventLog,
  { conversationId, messageId }: MessageQuestion,
  sequence: number,
): Promise<{ senderId: string; ordinal: number } | null> {
  const record = await log.at(sequence);
  if (record?.subject !== conversationSubject(conversationId)) return null;
  for (const event of decodeCommit(record.payload)) {
    if (isKnown(event) && event.type === 'message.sent' && event.data.messageId === messageId) {
      return { senderId: event.actor, ordinal: event.data.ordinal };
    }
  }
  return null;
}
