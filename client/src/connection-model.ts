import type {
  ClientFrame,
  CommitItem,
  Position,
  ResetReason,
  RevokedReason,
  ServerFrame,
} from '@parley/contracts';

/** What a subscription hands to its consumer, in log order. `position` is where the client is once it is handled. */
export type SubscriptionItem =
  | { kind: 'commit'; position: string; commit: CommitItem }
  /** Not continuous with what came before: drop what was built from it and load it anew, then go on from here. */
  | { kind: 'reset'; position: string; reason: ResetReason }
  /** The user is no longer a member: drop the conversation. */
  | { kind: 'revoked'; position: string; conversation: string; reason: RevokedReason };

/** `loading`: nothing is known yet. `fresh`: up to date. `stale`: was up to date, is not connected now. */
export type Freshness = 'loading' | 'fresh' | 'stale';

export type Phase =
  | { name: 'idle' }
  | { name: 'fetching-token' }
  | { name: 'opening' }
  /** `hello` is sent. */
  | { name: 'greeting' }
  | { name: 'replaying' }
  | { name: 'live' }
  | { name: 'waiting'; until: number }
  /** The consumer does not keep up: nothing is asked for until it has. */
  | { name: 'paused' }
  | { name: 'stopped'; fault: StopFault | null };

export interface StopFault {
  code: number;
  reason: string;
}

export interface ConnectionState {
  phase: Phase;
  /** Counts sockets: what an older one still says is not heard. */
  generation: number;
  /** Failed attempts since the last success. */
  attempt: number;
  position: Position | null;
  heardAt: number;
  /** The server asked to be left by then. */
  leaveAt: number | null;
  freshness: Freshness;
}

/** `chance` is a random number in [0, 1). */
export type ConnectionInput =
  | { kind: 'start'; now: number }
  | { kind: 'token'; generation: number; token: string; now: number }
  | { kind: 'token-failed'; generation: number; now: number; chance: number }
  | { kind: 'opened'; generation: number; now: number }
  | { kind: 'frame'; generation: number; frame: ServerFrame; now: number; chance: number }
  | { kind: 'undecodable'; generation: number; now: number; chance: number }
  | { kind: 'closed'; generation: number; code: number; reason: string; now: number; chance: number }
  | { kind: 'tick'; now: number; chance: number }
  | { kind: 'full' }
  | { kind: 'drained'; now: number }
  | { kind: 'stop' };

export type ConnectionEffect =
  | { do: 'get-token'; generation: number }
  | { do: 'open'; generation: number; token: string }
  | { do: 'send'; frame: ClientFrame }
  /** Let go of the present socket. */
  | { do: 'close' }
  | { do: 'deliver'; item: SubscriptionItem }
  /** The position moved without a commit. */
  | { do: 'moved'; position: string }
  | { do: 'ended'; fault: StopFault | null };

export interface ConnectionStep {
  state: ConnectionState;
  effects: readonly ConnectionEffect[];
}
