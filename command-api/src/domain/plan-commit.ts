import type { Command, LogEvent } from '@parley/contracts';
import type { Accept, Aggregate, KnownFacts, Reject } from './aggregate.ts';
import type { CommandRecord } from './command-window.ts';
import type { MessageFact, NewEvent } from './decider.ts';

/** One command waiting for its commit. */
export interface Candidate {
  command: Command;
  hash: string;
  correlationId: string;
  facts: KnownFacts;
  /** No key of it is kept here: it is written elsewhere, or its repetition changes nothing. */
  keyless?: true;
  /** Another aggregate has refused it: only what was stored under its key before counts for more. */
  refused?: Reject;
  /** What the read model and the log remember of this key after the window forgot it. */
  old?: CommandRecord;
}

export type Verdict =
  | { kind: 'accepted'; decision: Accept; version: number }
  | { kind: 'replay'; record: CommandRecord }
  /** The same key earlier in this very commit. */
  | { kind: 'twin'; of: number }
  | { kind: 'key-reused' }
  | { kind: 'rejected'; decision: Reject };

export interface CommitPlan<State> {
  verdicts: Verdict[];
  events: LogEvent[];
  /** The state as it is once the commit is stored. */
  state: State;
  version: number;
}

export interface PlanInput<State, C extends Candidate = Candidate> {
  aggregate: Aggregate<State>;
  state: State;
  version: number;
  candidates: readonly C[];
  known(commandId: string): CommandRecord | undefined;
  /** Makes the envelope; ids and time come from the shell. */
  envelop(event: NewEvent, version: number, candidate: C): LogEvent;
  /** Asked once for each command's events: false when they would make the commit too large, planning stops before them. */
  fits(events: LogEvent[], isFirst: boolean): boolean;
}

/**
 * Decides commands one after another, each against the state that the ones before it leave, and gathers their events
 * into one commit. A rejected command leaves no trace for its neighbours. Verdicts cover a prefix of the candidates.
 */
export function planCommit<State, C extends Candidate>(input: PlanInput<State, C>): CommitPlan<State> {
  const { aggregate } = input;
  let { state, version } = input;
  const events: LogEvent[] = [];
  const verdicts: Verdict[] = [];
  const planned = new Map<string, number>();
  const sent = new Map<string, MessageFact>();
  for (const [index, candidate] of input.candidates.entries()) {
    const { command, keyless } = candidate;
    const earlier = keyless ? null : priorVerdict(candidate, planned, input, state);
    if (earlier) {
      verdicts.push(earlier);
      continue;
    }
    // A command before it has made the conversation a direct one: whether the two may talk must be asked first.
    if (index > 0 && candidate.facts.blocked === undefined && aggregate.pair(state, command)) break;
    const decision =
      candidate.refused ?? aggregate.decide(state, command, factsOf(candidate, sent, aggregate));
    if (decision.kind === 'reject') {
      verdicts.push({ kind: 'rejected', decision });
      continue;
    }
    const made = decision.events.map((event, i) => input.envelop(event, version + i + 1, candidate));
    if (made.length > 0 && !input.fits(made, events.length === 0)) break;
    for (const event of made) {
      state = aggregate.evolve(state, event);
      if (event.type === 'message.sent') sent.set(event.data.messageId, factOf(event));
    }
    version += made.length;
    events.push(...made);
    // As across commits: what wrote nothing is not remembered, and its repetition is decided afresh.
    if (made.length > 0 && !keyless) planned.set(command.id, index);
    verdicts.push({ kind: 'accepted', decision, version });
  }
  return { verdicts, events, state, version };
}

/** What later commands need to know of a message. */
export function factOf(event: Extract<LogEvent, { type: 'message.sent' }>): MessageFact {
  const { ordinal, threadOrdinal = null } = event.data;
  return { senderId: event.actor, ordinal, sentAt: Date.parse(event.time), threadOrdinal };
}

/** Messages that were not there when the commit began may have been sent earlier in it. */
function factsOf<State>(
  { command, facts }: Candidate,
  sent: ReadonlyMap<string, MessageFact>,
  aggregate: Aggregate<State>,
): KnownFacts {
  if (sent.size === 0) return facts;
  let complete = facts;
  for (const { as, messageId } of aggregate.references(command)) {
    const fact = facts[as] === 'unknown' ? sent.get(messageId) : undefined;
    if (fact) complete = { ...complete, [as]: fact };
  }
  return complete;
}

function priorVerdict<State, C extends Candidate>(
  { command, hash, facts, old }: Candidate,
  planned: ReadonlyMap<string, number>,
  { aggregate, candidates, known }: PlanInput<State, C>,
  state: State,
): Verdict | null {
  const record = known(command.id) ?? old;
  if (record?.hash === hash) return { kind: 'replay', record };
  const of = planned.get(command.id);
  const twin = of === undefined ? undefined : candidates[of];
  if (of !== undefined && twin?.hash === hash) return { kind: 'twin', of };
  const user = record?.actor ?? twin?.command.actor;
  if (user === undefined) return null;
  if (user === command.actor) return { kind: 'key-reused' };
  // To somebody who may not know of the conversation, a key used in it must not look used: it is refused as unknown.
  const decision = aggregate.decide(state, command, facts);
  const unknown = decision.kind === 'reject' && decision.code === 'not-found' && !decision.extras?.errors;
  return unknown ? { kind: 'rejected', decision } : { kind: 'key-reused' };
}
