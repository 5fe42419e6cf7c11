import type { Command, LogEvent, UnknownEvent } from '@parley/contracts';
import type { Confirmation, Decision, Facts } from './decider.ts';
import type { Delivery, Schedule } from './user.ts';

/** A message that a command refers to, and which of the facts about it the decider asks for. */
export interface Reference {
  as: 'message' | 'replyTo' | 'thread';
  messageId: string;
  /** Where the client says it was sent. */
  sequence?: number | undefined;
}

/** Facts that the write side brings to a decision. */
export interface KnownFacts extends Facts {
  /** What the conversation says to a command that is written in the user's own facts. */
  confirmed?: Confirmation;
  /** Where the log ends. */
  head?: number;
  /** What became of a released schedule in its conversation. */
  delivery?: Delivery;
}

export type Reject = Extract<Decision, { kind: 'reject' }>;
/** A scheduled message whose time has come; its text is in the commit at `sequence`. */
export type Released = Pick<Schedule, 'conversationId'> & { sequence: number };
/** `released`: what is to be sent now, by whoever asked for it. */
export type Accept = Extract<Decision, { kind: 'accept' }> & { released?: Released };
export type Decided = Accept | Reject;

/**
 * What group commit needs to know of one aggregate; everything here is pure. The two kinds differ in what they fold and
 * decide, and in nothing that concerns the log.
 */
export interface Aggregate<State> {
  /** Its subject in the log. */
  readonly subject: string;
  /** Its name in the envelopes of its events. */
  readonly eventSubject: string;
  readonly initial: State;
  /** Whether an event is one this build can fold into this kind of aggregate. */
  owns(event: LogEvent | UnknownEvent): event is LogEvent;
  decide(state: State, command: Command, facts: KnownFacts): Decided;
  evolve(state: State, event: LogEvent): State;
  /** What the state keeps of where its events are, once a commit is stored: nobody knows the sequence before. */
  stored(state: State, events: readonly LogEvent[], sequence: number): State;
  /** The answer to the command that made these events. */
  resultOf(events: readonly LogEvent[]): unknown;
  /** The messages that a command refers to, for whom the facts must be found before it is decided. */
  references(command: Command): readonly Reference[];
  /** The two users between whom no block may stand for this command; null = blocks do not matter to it. */
  pair(state: State, command: Command): readonly [string, string] | null;
  /** Plain JSON, for a snapshot. */
  encode(state: State): unknown;
  decode(json: unknown): State;
  /** What the memory of a state grows with, in members or things of that size. */
  weight(state: State): number;
}
