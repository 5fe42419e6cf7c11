import {
  type OwnPresence,
  ownPresenceSchema,
  type PresenceState,
  type SeenPresence,
} from '@parley/contracts';
import { bytesOf, listFrame } from './bytes.ts';

/** Among the leases of a user's sockets: when others last saw the user, in milliseconds since 1970. */
export const SEEN = 'seen';
/** How long that is remembered. */
export const SEEN_TTL_MS = 30 * 24 * 3_600_000;

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
  /** Those whom `blocked` was read for, where it is too long to be read whole. Nobody else may be shown anything. */
  askedAbout?: ReadonlySet<string>;
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

/**
 * `now`, in milliseconds since 1970: nobody was seen later than the store took it, whatever the clock of the process
 * says that wrote it.
 */
export function sightOf(leases: readonly PresenceLease[], now: number): Sight {
  const sockets = leases.filter(({ id }) => id !== SEEN);
  const mark = leases.find(({ id }) => id === SEEN);
  const takenAt = now - (SEEN_TTL_MS - (mark?.leftMs ?? 0));
  const seen = Math.floor(Math.min(Number(mark?.value), takenAt));
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

/** A lease ends by the store's clock: looking too early must not become looking all the time. */
const AFTER_END_MS = 100;
const MIN_NEWS_MS = 250;
/** It is held and should be over: the clocks differ, or it ends this moment. */
const OVERDUE_MS = 1_000;

/** When to look at a user again though nobody has said that they changed; at the latest after a time to live. */
export function newsInMs({ endsInMs }: Sight, ttlMs: number): number {
  if (endsInMs === null) return ttlMs;
  if (endsInMs <= 0) return OVERDUE_MS;
  return Math.max(MIN_NEWS_MS, Math.min(endsInMs + AFTER_END_MS, ttlMs));
}

/** While nobody can tell. */
export function unknownView(user: string, privacy: Privacy | null): PresenceView {
  const open = shown({ user, state: 'unknown' });
  return { open, toBlocked: open, privacy };
}

export function viewOf(user: string, { state, lastSeen }: Sight, privacy: Privacy): PresenceView {
  const dated = state === 'offline' && privacy.lastSeenVisible && lastSeen !== null;
  const open = shown({ user, state, ...(dated ? { lastSeen } : {}) });
  return {
    open,
    toBlocked: privacy.blocked.size > 0 || privacy.askedAbout ? shown({ user, state: 'offline' }) : open,
    privacy,
  };
}

export function shownTo(view: PresenceView, watcher: string): Shown {
  const hidden = view.privacy?.blocked.has(watcher) || !coversWatcher(view, watcher);
  return hidden ? view.toBlocked : view.open;
}

/** Whether it is known if the watcher is blocked. */
export function coversWatcher({ privacy }: PresenceView, watcher: string): boolean {
  return privacy?.askedAbout?.has(watcher) ?? true;
}

function shown(presence: SeenPresence): Shown {
  const text = JSON.stringify(presence);
  return { text, item: bytesOf(text), frame: bytesOf(`{"t":"presence",${text.slice(1)}`) };
}

const OPEN_LIST = bytesOf('{"t":"presences","items":[');

/** One frame for at least one user. */
export function presenceFrame(all: readonly Shown[]): Uint8Array {
  const [only] = all;
  if (only && all.length === 1) return only.frame;
  return listFrame(
    OPEN_LIST,
    all.map(({ item }) => item),
  );
}
