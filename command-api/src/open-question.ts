import type { Answer } from './answer.ts';
import type { Aggregate, Reference } from './domain/aggregate.ts';
import type { CommandWindow } from './domain/command-window.ts';
import type { Finding } from './domain/decider.ts';
import type { Candidate } from './domain/plan-commit.ts';

/** A command in the queue of its aggregate. */
export interface Waiting extends Candidate {
  since: number;
  /** No commit up to this sequence holds its key, as far as the window does not say otherwise. */
  keyNewThrough: number;
  /** No commit up to this sequence holds the messages it refers to and has no facts about, likewise. */
  messagesMissingThrough: number;
  settle(answer: Answer): void;
  fail(error: unknown): void;
}

export type Question = 'key' | 'messages' | 'blocked';

/** The aggregate and how far it is known: what a question depends on. */
export interface Asked<State> {
  aggregate: Aggregate<State>;
  state: State;
  window: CommandWindow;
}

/**
 * What must be looked up before a command can be decided; null = nothing. What a lookup found missing at some sequence
 * still is, unless the window holds it now: it has every command since, as long as it has not forgotten one of them.
 */
export function openQuestion<State>(
  waiting: Waiting,
  { aggregate, state, window }: Asked<State>,
  sending?: ReadonlySet<string>,
): Question | null {
  const { command, facts, keyless } = waiting;
  if (!keyless) {
    if (waiting.old || window.get(command.id)) return null;
    if (window.forgottenThrough > waiting.keyNewThrough && window.mayHaveForgotten(command.id)) return 'key';
  }
  if (waiting.refused) return null;
  for (const reference of aggregate.references(command)) {
    const finding = find(waiting, reference, window, sending);
    if (finding === null) return 'messages';
    facts[reference.as] = finding;
  }
  // Asked once: what counts is that no block was answered before the command came.
  return facts.blocked === undefined && aggregate.pair(state, command) ? 'blocked' : null;
}

function find(
  { facts, messagesMissingThrough }: Waiting,
  { as, messageId, sequence }: Reference,
  window: CommandWindow,
  sending: ReadonlySet<string> | undefined,
): Finding | null {
  const known = facts[as];
  if (typeof known === 'object') return known;
  // A message's id is the id of the command that sent it.
  const record = window.get(messageId);
  const result = record?.result as { messageId?: string; ordinal?: number } | undefined;
  if (record && result?.ordinal !== undefined && result.messageId === messageId) {
    if (sequence !== undefined && sequence !== record.sequence) return 'wrong-sequence';
    const { actor, at, threadOrdinal = null } = record;
    return { senderId: actor, ordinal: result.ordinal, sentAt: at, threadOrdinal };
  }
  const missing = sequence === undefined ? 'unknown' : 'wrong-sequence';
  if (sending?.has(messageId) || window.forgottenThrough <= messagesMissingThrough) return missing;
  return null;
}
