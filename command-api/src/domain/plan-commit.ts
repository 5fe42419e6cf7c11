import type { Command, LogEvent } from '@parley/contracts';
import type { CommandRecord } from './command-window.ts';
import { type ConversationState, evolveConversation, type MessageFact } from './conversation.ts';
import { decideConversation } from './decide-conversation.ts';
import type { Decision, NewEvent } from './decider.ts';

/** One command waiting for its commit. */
export interface Candidate {
  command: Command;
  hash: string;
  correlationId: string;
  /** What an edit or delete is about; `unknown` when it was sent earlier in this very commit. */
  fact?: MessageFact;
  /** What the read model and the log remember of this key after the window forgot it. */
  old?: CommandRecord;
}

export type Verdict =
  | { kind: 'accepted'; result: unknown; version: number }
  | { kind: 'replay'; record: CommandRecord }
  /** The same key earlier in this very commit. */
  | { kind: 'twin'; of: number }
  | { kind: 'key-reused' }
  | { kind: 'rejected'; decision: Extract<Decision, { kind: 'reject' }> };

export interface CommitPlan {
  verdicts: Verdict[];
  events: LogEvent[];
  /** The state as it is once the commit is stored. */
  state: ConversationState;
  version: number;
}

export interface PlanInput {
  state: ConversationState;
  version: number;
  candidates: Candidate[];
  known(commandId: string): CommandRecord | undefined;
  /** Makes the envelope; ids and time come from the shell. */
  envelop(event: NewEvent, version: number, candidate: Candidate): LogEvent;
  /** Asked once for each command's events: false when they would make the commit too large, planning stops before them. */
  fits(events: LogEvent[], isFirst: boolean): boolean;
}

/**
 * Decides commands one after another, each against the state that the ones before it leave, and gathers their events
 * into one commit. A rejected command leaves no trace for its neighbours. Verdicts cover a prefix of the candidates.
 */
export function planCommit(input: PlanInput): CommitPlan {
  let { state, version } = input;
  const events: LogEvent[] = [];
  const verdicts: Verdict[] = [];
  const planned = new Map<string, number>();
  const sent = new Map<string, MessageFact>();
  for (const [index, candidate] of input.candidates.entries()) {
    const earlier = priorVerdict(candidate, planned, input, state);
    if (earlier) {
      verdicts.push(earlier);
      continue;
    }
    const { command } = candidate;
    const decision = decideConversation(state, command, factAbout(candidate, sent));
    if (decision.kind === 'reject') {
      verdicts.push({ kind: 'rejected', decision });
      continue;
    }
    const made = decision.events.map((event, i) => input.envelop(event, version + i + 1, candidate));
    if (made.length > 0 && !input.fits(made, events.length === 0)) break;
    for (const event of made) {
      state = evolveConversation(state, event);
      if (event.type === 'message.sent') {
        sent.set(event.data.messageId, { senderId: event.actor, ordinal: event.data.ordinal });
      }
    }
    version += made.length;
    events.push(...made);
    // As across commits: what wrote nothing is not remembered, and its repetition is decided afresh.
    if (made.length > 0) planned.set(command.id, index);
    verdicts.push({ kind: 'accepted', result: decision.result, version });
  }
  return { verdicts, events, state, version };
}

function factAbout({ command, fact }: Candidate, sent: Map<string, MessageFact>): MessageFact | undefined {
  if (fact !== 'unknown' || !('messageId' in command.data)) return fact;
  return sent.get(command.data.messageId) ?? fact;
}

function priorVerdict(
  { command, hash, old }: Candidate,
  planned: Map<string, number>,
  { candidates, known }: PlanInput,
  state: ConversationState,
): Verdict | null {
  const record = known(command.id) ?? old;
  if (record?.hash === hash) return { kind: 'replay', record };
  const of = planned.get(command.id);
  const twin = of === undefined ? undefined : candidates[of];
  if (of !== undefined && twin?.hash === hash) return { kind: 'twin', of };
  const user = record?.actor ?? twin?.command.actor;
  if (user === undefined) return null;
  // To somebody who may not know of the conversation, a key used in it must not look used: it is refused as unknown.
  const mayKnow = user === command.actor || state.type === 'channel' || state.roles.has(command.actor);
  return mayKnow ? { kind: 'key-reused' } : null;
}
