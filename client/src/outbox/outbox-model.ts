import type { CommandAccepted, CommandInput, CommandType, ErrorCode, FieldFault } from '@parley/contracts';

/** Why a command was not accepted, as a plain object that can be stored. `network`: no answer, or no token. */
export interface CommandFault {
  code: ErrorCode | 'network';
  status: number;
  detail: string;
  errors: FieldFault[];
}

/** A command that has no definite answer yet, or was refused: plain, so that it can be stored as it is. */
export interface OutboxEntry {
  readonly key: string;
  readonly type: CommandType;
  readonly data: CommandInput<CommandType>;
  readonly state: 'queued' | 'sending' | 'refused';
  /** Of the last attempt; of one that is not refused, it is tried again. */
  readonly fault: CommandFault | null;
}

export interface Slot {
  readonly entry: OutboxEntry;
  /** Commands of one lane are sent in order, one at a time. */
  readonly lane: string;
  readonly attempt: number;
  readonly notBefore: number;
  /** Not sent before: what a crash forgets must not be in the log. */
  readonly stored: boolean;
  /** Its event was seen, only the answer is missing: others need not wait for it. */
  readonly confirmed: boolean;
  /** Somebody of this process waits for the answer. */
  readonly awaited: boolean;
}

export interface OutboxState {
  /** False until the store was read: what is in it goes first. */
  readonly loaded: boolean;
  readonly slots: readonly Slot[];
}

export type NewCommand = Pick<OutboxEntry, 'key' | 'type' | 'data'>;

/** `chance` is a random number in [0, 1). */
export type OutboxInput =
  | { kind: 'loaded'; entries: readonly OutboxEntry[]; now: number }
  | { kind: 'send'; command: NewCommand; now: number }
  | { kind: 'stored'; keys: ReadonlySet<string>; now: number }
  | { kind: 'accepted'; key: string; accepted: CommandAccepted; now: number }
  | {
      kind: 'failed';
      key: string;
      fault: CommandFault;
      /** Asking again with the same key gives the same answer. */
      definite: boolean;
      retryAfterMs: number;
      now: number;
      chance: number;
    }
  /** An event that a command with this key has made. */
  | { kind: 'seen'; key: string; now: number }
  | { kind: 'retry'; key: string; now: number }
  | { kind: 'discard'; key: string; now: number }
  /** The network is there again. */
  | { kind: 'online'; now: number }
  | { kind: 'tick'; now: number };

export type Outcome = { accepted: CommandAccepted } | { fault: CommandFault } | 'discarded';

export type OutboxEffect =
  | { do: 'post'; entry: OutboxEntry }
  /** What is to be stored has changed. */
  | { do: 'store' }
  | {
      do: 'settle';
      key: string;
      outcome: Outcome;
    };

export interface OutboxStep {
  state: OutboxState;
  effects: readonly OutboxEffect[];
}
