import { decodeCommit } from '@parley/contracts';
import { type EventLog, ProblemError } from '@parley/runtime';
import type { Aggregate } from './domain/aggregate.ts';
import type { MessageFact } from './domain/decider.ts';
import { factOf } from './domain/plan-commit.ts';
import type { ReadModelLookup } from './read-model-lookup.ts';
import { within } from './within.ts';

export interface MessageQuestion {
  aggregate: Pick<Aggregate<unknown>, 'subject' | 'owns'>;
  conversationId: string;
  messageId: string;
  /** Where the client says it was sent. */
  sequence?: number | undefined;
  /** The caller knows every message after this sequence. */
  forgottenThrough: number;
}

/** Of a message whose place the client knows only its deletion is asked; without an answer it counts as there. */
const DELETION_MS = 300;

/**
 * The facts of a message that the window does not hold, read from the log itself: from the sequence the client
 * names, else from where the read model says it is. Null = it is not there. Throws `unavailable` when nobody can tell.
 * That it is deleted the read model says, if it can: an event about it would be void in every fold all the same.
 */
export async function findMessage(
  question: MessageQuestion,
  log: EventLog,
  lookup: ReadModelLookup,
): Promise<MessageFact | null> {
  const { conversationId, messageId } = question;
  const asked = lookup.message(conversationId, messageId).catch(() => null);
  const known = question.sequence;
  const projected = known === undefined ? await placeOf(question, asked) : await within(DELETION_MS, asked);
  const sequence = known ?? projected?.sequence ?? null;
  if (sequence === null) return null;
  const stored = await messageAt(log, question, sequence);
  const fact = stored === 'removed' ? await removedMessage(question, asked, sequence) : stored;
  return fact && projected?.deleted ? { ...fact, deleted: true } : fact;
}

/** Retention has removed its commit: what it was, the read model says, which had applied it before. */
async function removedMessage(
  question: MessageQuestion,
  asked: Promise<Projected | null>,
  sequence: number,
): Promise<MessageFact | null> {
  const { fact, deleted, sequence: place } = await placeOf(question, asked);
  if (fact === null || place !== sequence) return null;
  return deleted ? { ...fact, deleted: true } : fact;
}

type Projected = Awaited<ReturnType<ReadModelLookup['message']>>;

async function placeOf(
  { forgottenThrough }: MessageQuestion,
  asked: Promise<Projected | null>,
): Promise<Projected> {
  const found = await asked;
  if (!found || (found.sequence === null && found.through < forgottenThrough)) {
    throw new ProblemError('unavailable', {
      detail: 'The read model cannot tell where this message is; name its `sequence`, or retry.',
      retryAfterMs: 1_000,
    });
  }
  return found;
}

async function messageAt(
  log: EventLog,
  { aggregate, messageId }: MessageQuestion,
  sequence: number,
): Promise<MessageFact | 'removed' | null> {
  const record = await log.at(sequence);
  if (!record && sequence < (await log.bounds()).first) return 'removed';
  if (record?.subject !== aggregate.subject) return null;
  for (const event of decodeCommit(record.payload)) {
    if (!aggregate.owns(event) || event.type !== 'message.sent') continue;
    if (event.data.messageId === messageId) return factOf(event);
  }
  return null;
}
