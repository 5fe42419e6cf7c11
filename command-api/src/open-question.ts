import type { Answer } from './answer.ts';
import type { CommandWindow } from './domain/command-window.ts';
import type { MessageFact } from './domain/conversation.ts';
import type { Candidate } from './domain/plan-commit.ts';

/** A command in the queue of its conversation. */
export interface Waiting extends Candidate {
  since: number;
  /** No commit up to this sequence holds its key, as far as the window does not say otherwise. */
  keyNewThrough: number;
  /** No commit up to this sequence holds the message it is about, likewise. */
  messageMissingThrough: number;
  settle(answer: Answer): void;
  fail(error: unknown): void;
}

/**
 * What must be looked up before a command can be decided; null = nothing. What a lookup found missing at some sequence
 * still is, unless the window holds it now: it has every command since, as long as it has not forgotten one of them.
 */
export function openQuestion(
  waiting: Waiting,
  window: CommandWindow,
  sending?: ReadonlySet<string>,
): 'key' | 'message' | null {
  const { command } = waiting;
  if (waiting.old || window.get(command.id)) return null;
  if (
    // A cursor leaves no record of its command: moving it twice is harmless.
    command.type !== 'messages.read' &&
    window.forgottenThrough > waiting.keyNewThrough &&
    window.mayHaveForgotten(command.id)
  ) {
    return 'key';
  }
  if (command.type !== 'message.edit' && command.type !== 'message.delete') return null;
  const fact = factOf(waiting, command.data, window, sending);
  if (fact === null) return 'message';
  waiting.fact = fact;
  return null;
}

function factOf(
  { fact, messageMissingThrough }: Waiting,
  { messageId, sequence }: { messageId: string; sequence?: number | undefined },
  window: CommandWindow,
  sending: ReadonlySet<string> | undefined,
): MessageFact | null {
  if (typeof fact === 'object') return fact;
  // A message's id is the id of the command that sent it.
  const record = window.get(messageId);
  const result = record?.result as { messageId?: string; ordinal?: number } | undefined;
  if (record && result?.ordinal !== undefined && result.messageId === messageId) {
    const elsewhere = sequence !== undefined && sequence !== record.sequence;
    return elsewhere ? 'wrong-sequence' : { senderId: record.actor, ordinal: result.ordinal };
  }
  const missing = sequence === undefined ? 'unknown' : 'wrong-sequence';
  if (sending?.has(messageId) || window.forgottenThrough <= messageMissingThrough) return missing;
  return null;
}
