import {
  type OwnPresence,
  ownPresenceSchema,
  type PresenceState,
  type SeenPresence,
} from '@parley/contracts';
import { bytesOf, concat } from './bytes.ts';

/** Among the leases of a user's sockets: when others last saw the user, in milliseconds since 1970. */
export const SEEN = 'seen';

export interface PresenceLease {
  /** The connection, or `SEEN`. */
  readonly id: string;
  readonly value: string;
  readonly leftMs: number;
}

type SeenState = Exclude<PresenceState, 'unknown'>;

/** What the leases of one user say. */
export interface Sight {
  state: SeenState;
  lastSeen: number | null;
  /** Until the first socket's lease ends unless it is renewed; null = there is none. */
  endsInMs: number | null;
}

/** What a user lets others see. */
export interface Privacy {
  lastSeenVisible: boolean;
  /** To these the user always is offline. */
  blocked: ReadonlySet<string>;
}

export const OPEN: Privacy = { lastSeenVisible: true, blocked: new Set() };

/** What others see of a user with these sockets. One that is invisible hides all. */
export function mergeStates(states: readonly OwnPresence[]): SeenState {
  if (states.includes('invisible')) return 'offline';
  return (['dnd', 'active', 'away'] as const).find((state) => states.includes(state)) ?? 'offline';
}

/** A value that this version does not know could mean any privacy: it hides the user. */
export function statesOf(leases: readonly PresenceLease[]): OwnPresence[] {
  return leases
    .filter(({ id }) => id !== SEEN)
    .map(({ value }) => ownPresenceSchema.options.find((state) => state === value) ?? 'invisible');
}

export function sightOf(leases: readonly PresenceLease[]): Sight {
  const sockets = leases.filter(({ id }) => id !== SEEN);
  const seen = Number(leases.find(({ id }) => id === SEEN)?.value);
  return {
    state: mergeStates(statesOf(sockets)),
    lastSeen: Number.isSafeInteger(seen) && seen > 0 ? seen : null,
    endsInMs: sockets.length === 0 ? null : Math.min(...sockets.map(({ leftMs }) => leftMs)),
  };
}

/** A user as one kind of watcher sees them, encoded once for all of them. */
export interface Shown {
  /** Two that are the same text look the same. */
  readonly text: string;
  readonly item: Uint8Array;
  /** The item as a frame of its own. */
  readonly frame: Uint8Array;
}

/** A user as everybody sees them. */
export interface PresenceView {
  readonly open: Shown;
  readonly toBlocked: Shown;
  /** Null: it was never known, so nothing may be shown on its account. */
  readonly privacy: Privacy | null;
}

/** While nobody can tell. */
export function unknownView(user: string, privacy: Privacy | null): PresenceView {
  const open = shown({ user, state: 'unknown' });
  return { open, toBlocked: open, privacy };
}

export function viewOf(user: string, { state, lastSeen }: Sight, privacy: Privacy): PresenceView {
  const dated = state === 'offline' && privacy.lastSeenVisible && lastSeen !== null;
  const open = shown({ user, state, ...(dated ? { lastSeen } : {}) });
  return { open, toBlocked: privacy.blocked.size > 0 ? shown({ user, state: 'offline' }) : open, privacy };
}

export function shownTo(view: PresenceView, watcher: string): Shown {
  return view.privacy?.blocked.has(watcher) ? view.toBlocked : view.open;
}

function shown(presence: SeenPresence): Shown {
  const text = JSON.stringify(presence);
  return { text, item: bytesOf(text), frame: bytesOf(`{"t":"presence",${text.slice(1)}`) };
}

const OPEN_LIST = bytesOf('{"t":"presences","items":[');
const COMMA = bytesOf(',');
const CLOSE_LIST = bytesOf(']}');

/** One frame for at least one user. */
export function presenceFrame(all: readonly Shown[]): Uint8Array {
  const [only] = all;
  if (only && all.length === 1) return only.frame;
  const parts = all.flatMap(({ item }, index) => (index === 0 ? [item] : [COMMA, item]));
  return concat([OPEN_LIST, ...parts, CLOSE_LIST]);
}
