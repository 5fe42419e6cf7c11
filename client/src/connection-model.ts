import type {
  ClientFrame,
  CommitItem,
  ErrorCode,
  OwnPresence,
  Position,
  ResetReason,
  RevokedReason,
  SeenPresence,
  ServerFrame,
} from '@parley/contracts';
import type { Following } from './following.ts';
import type { Outgoing } from './outgoing.ts';
import type { Hole, VersionTrack } from './version-track.ts';

/** What a subscription hands to its consumer, in log order. `position` is where the client is once it is handled. */
export type SubscriptionItem =
  | { kind: 'commit'; position: string; commit: CommitItem }
  /**
   * Not continuous with what came before: drop what was built from it and load it anew, then go on from here. All of
   * it, or only the conversation that is named.
   */
  | { kind: 'reset'; position: string; reason: ResetReason; conversation?: string }
  /** The user is no longer a member, or what they followed is closed to them: drop the conversation. */
  | { kind: 'revoked'; position: string; conversation: string; reason: RevokedReason }
  /** A commit of a followed conversation from before it was live: outside log order, in the order of its versions. */
  | { kind: 'followed'; position: string; conversation: string; commit: CommitItem }
  /** From here on the conversation's commits come as `commit`. */
  | { kind: 'follow-live'; position: string; conversation: string; version: number }
  /** Not followed (any more); `code` says why. */
  | { kind: 'follow-refused'; position: string; conversation: string; code: ErrorCode; detail: string };

/** `loading`: nothing is known yet. `fresh`: up to date. `stale`: was up to date, is not connected now. */
export type Freshness = 'loading' | 'fresh' | 'stale';

/** `all`: everything the user may see. `none`: only what is followed. */
export type Feed = 'all' | 'none';

/** That somebody types, or has stopped; over by itself after `ttlMs`. */
export type TypingSignal = Omit<Extract<ServerFrame, { t: 'typing' }>, 't'>;

export type Phase =
  | { name: 'idle' }
  | { name: 'fetching-token' }
  | { name: 'opening' }
  /** `hello` is sent. */
  | { name: 'greeting' }
  | { name: 'replaying' }
  | { name: 'live'; since: number }
  | { name: 'waiting'; until: number }
  /** The consumer does not keep up: nothing is asked for until it has. */
  | { name: 'paused' }
  | { name: 'stopped'; fault: StopFault | null };

/** In the place of a close code: the gateway's URL is none, so that there was no connection to close. */
export const NO_SUCH_PLACE = 0;

export interface StopFault {
  code: number;
  reason: string;
}

/** The token ends at `until`: another is asked for, again at `askAt` when none has come by then. */
interface Renewal {
  readonly askAt: number;
  readonly until: number;
}

export interface ConnectionState {
  phase: Phase;
  feed: Feed;
  /** Counts sockets: what an older one still says is not heard. */
  generation: number;
  /** Failed attempts since a connection was live for a while. */
  attempt: number;
  position: Position | null;
  /** Whose connection it is; null until the first welcome. */
  userId: string | null;
  /** Per conversation, the version that commits of the feed go on from. */
  versions: VersionTrack;
  /** The hole for which the last socket was let go; the same again is told to the consumer. */
  hole: Hole | null;
  following: Following;
  outgoing: Outgoing;
  heardAt: number;
  /** The server asked to be left by then. */
  leaveAt: number | null;
  renewal: Renewal | null;
  freshness: Freshness;
}

/** `chance` is a random number in [0, 1). */
export type ConnectionInput =
  | { kind: 'start'; since: string | null; now: number }
  | { kind: 'token'; generation: number; token: string; now: number }
  | { kind: 'token-failed'; generation: number; now: number; chance: number }
  | { kind: 'opened'; generation: number; now: number }
  | { kind: 'frame'; generation: number; frame: ServerFrame; now: number; chance: number }
  | { kind: 'undecodable'; generation: number; now: number; chance: number }
  | { kind: 'closed'; generation: number; code: number; reason: string; now: number; chance: number }
  | { kind: 'tick'; now: number; chance: number }
  | { kind: 'full' }
  | { kind: 'drained'; now: number }
  | { kind: 'follow'; conversation: string; from: number | 'head'; now: number }
  | { kind: 'unfollow'; conversation: string; now: number }
  | { kind: 'typing'; conversation: string; on: boolean; now: number }
  | { kind: 'presence'; presence: OwnPresence; now: number }
  | { kind: 'watch'; users: readonly string[]; now: number }
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
  /** Outside the order of the items, and of no consequence when lost. */
  | { do: 'typing'; signal: TypingSignal }
  | { do: 'presence'; seen: readonly SeenPresence[] }
  | { do: 'ended'; fault: StopFault | null };

export interface ConnectionStep {
  state: ConnectionState;
  effects: readonly ConnectionEffect[];
}
