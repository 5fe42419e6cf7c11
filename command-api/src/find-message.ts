import { conversationSubject, decodeCommit, isKnown } from '@parley/contracts';
import { type EventLog, ProblemError } from '@parley/runtime';
import type { ConversationWriter } from './conversation-writer.ts';
import type { MessageFact } from './domain/conversation.ts';
import type { ReadModelLookup } from './read-model-lookup.ts';

export interface MessageQuestion {
  conversationId: string;
  messageId: string;
  /** Where the client says it was sent. */
  sequence?: number | undefined;
}

/**
 * Author and ordinal of a message, read from the log itself: from the sequence the client names, else from where this
 * process remembers it, else from where the read model says it is. Throws `unavailable` when none of them can tell.
 */
export async function findMessage(
  question: MessageQuestion,
  sources: { log: EventLog; lookup: ReadModelLookup; writer: ConversationWriter },
): Promise<MessageFact> {
  if (question.sequence !== undefined) {
    return (await messageAt(sources.log, question, question.sequence)) ?? 'wrong-sequence';
  }
  // A message's id is the id of the command that sent it.
  const { sequence: recent, forgottenThrough } = await sources.writer.recall(question.messageId);
  const sequence = recent ?? (await projectedSequence(question, sources.lookup, forgottenThrough));
  return sequence === null ? 'unknown' : ((await messageAt(sources.log, question, sequence)) ?? 'unknown');
}

async function projectedSequence(
  { conversationId, messageId }: MessageQuestion,
  lookup: ReadModelLookup,
  forgottenThrough: number,
): Promise<number | null> {
  // Nothing was forgotten: every message of the conversation is remembered, so this one does not exist.
  if (forgottenThrough === 0) return null;
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
