import { decodeCommit } from '@parley/contracts';
import { type EventLog, ProblemError } from '@parley/runtime';
import type { Aggregate } from './domain/aggregate.ts';
import type { MessageFact } from './domain/decider.ts';
import { factOf } from './domain/plan-commit.ts';
import type { ReadModelLookup } from './read-model-lookup.ts';

export interface MessageQuestion {
  aggregate: Pick<Aggregate<unknown>, 'subject' | 'owns'>;
  conversationId: string;
  messageId: string;
  /** Where the client says it was sent. */
  sequence?: number | undefined;
  /** The caller knows every message after this sequence. */
  forgottenThrough: number;
}

/**
 * The facts of a message that the window does not hold, read from the log itself: from the sequence the client
 * names, else from where the read model says it is. Null = it is not there. Throws `unavailable` when nobody can tell.
 */
export async function findMessage(
  question: MessageQuestion,
  log: EventLog,
  lookup: ReadModelLookup,
): Promise<MessageFact | null> {
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
  { aggregate, messageId }: MessageQuestion,
  sequence: number,
): Promise<MessageFact | null> {
  const record = await log.at(sequence);
  if (record?.subject !== aggregate.subject) return null;
  for (const event of decodeCommit(record.payload)) {
    if (!aggregate.owns(event) || event.type !== 'message.sent') continue;
    if (event.data.messageId === messageId) return factOf(event);
  }
  return null;
}
