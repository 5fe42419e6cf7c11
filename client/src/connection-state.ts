import { type OwnPresence, parsePosition } from '@parley/contracts';
import { backOff, end, leave, type Moment, pause, reconnect, stay } from './change-phase.ts';
import {
  type ConnectionInput,
  type ConnectionState,
  type ConnectionStep,
  type Feed,
  NO_SUCH_PLACE,
  type StopFault,
} from './connection-model.ts';
import { follow, NOTHING_FOLLOWED, unfollow } from './following.ts';
import { initialOutgoing, outgoingAnew, speak, speakAt, type } from './outgoing.ts';
import { onFrame } from './receive-frame.ts';
import { renew, renewAt, renewalSent, renewedLater } from './renew-token.ts';
import { NO_VERSIONS } from './version-track.ts';

/** This long without a frame, or without a token, and the connection counts as dead. */
export const SILENCE_MS = 35_000;

interface ConnectionWish {
  feed?: Feed | undefined;
  presence?: OwnPresence | undefined;
}

export function initialState({ feed = 'all', presence = 'active' }: ConnectionWish = {}): ConnectionState {
  return {
    phase: { name: 'idle' },
    feed,
    generation: 0,
    attempt: 0,
    position: null,
    userId: null,
    versions: NO_VERSIONS,
    hole: null,
    following: NOTHING_FOLLOWED,
    outgoing: initialOutgoing(presence),
    heardAt: 0,
    leaveAt: null,
    renewal: null,
    freshness: 'loading',
  };
}

/** When the state wants its next `tick`, or null when it waits for something else. */
export function wakeAt(state: ConnectionState): number | null {
  const endsAt = connectionEndsAt(state);
  if (endsAt === null) return state.phase.name === 'waiting' ? state.phase.until : null;
  const never = Number.POSITIVE_INFINITY;
  return Math.min(endsAt, speakAt(state) ?? never, renewAt(state) ?? never);
}

/** When the present attempt or socket is to be left; null when there is none. */
function connectionEndsAt({ phase: { name }, heardAt, leaveAt }: ConnectionState): number | null {
  const none = name === 'idle' || name === 'waiting' || name === 'paused' || name === 'stopped';
  return none ? null : Math.min(heardAt + SILENCE_MS, leaveAt ?? Number.POSITIVE_INFINITY);
}

/** One connection after another, told as a function. Rules C1–C8 of SPEC.md live here. */
export function advance(state: ConnectionState, input: ConnectionInput): ConnectionStep {
  if (state.phase.name === 'stopped') return stay(state);
  if ('generation' in input && input.generation !== state.generation) return stay(state);
  const step = react(state, input);
  return 'now' in input ? speak(step, input.now) : step;
}

function react(state: ConnectionState, input: ConnectionInput): ConnectionStep {
  switch (input.kind) {
    case 'start': {
      if (state.phase.name !== 'idle') return stay(state);
      const position = input.since === null ? null : parsePosition(input.since);
      return reconnect({ ...state, position }, input.now);
    }
    case 'token':
      return onToken(state, input.token, input.now);
    case 'token-failed':
      return state.phase.name === 'fetching-token' ? backOff(state, input) : renewedLater(state, input);
    case 'opened':
      return onOpened(state, input.now);
    case 'frame':
      return onFrame({ ...state, heardAt: input.now }, input.frame, input);
    case 'undecodable':
      return backOff(state, input);
    case 'closed':
      return onClosed(state, input);
    case 'tick':
      return onTick(state, input);
    case 'full':
      return pause(state);
    case 'drained':
      return state.phase.name === 'paused' ? reconnect(state, input.now) : stay(state);
    case 'stop':
      return end(state, null);
    default:
      return onWish(state, input);
  }
}

type Wish = Extract<ConnectionInput, { kind: 'follow' | 'unfollow' | 'typing' | 'presence' | 'watch' }>;

/** What the application asks for; said once the connection is live, and again on every later one. */
function onWish(state: ConnectionState, wish: Wish): ConnectionStep {
  switch (wish.kind) {
    case 'follow':
      return stay({ ...state, following: follow(state.following, wish.conversation, wish.from) });
    case 'unfollow':
      return stay({ ...state, following: unfollow(state.following, wish.conversation) });
    case 'typing':
      return type(state, wish.conversation, wish.on, wish.now);
    case 'presence': {
      const { presence } = wish;
      const known = presence === state.outgoing.presence;
      return known
        ? stay(state)
        : stay({ ...state, outgoing: { ...state.outgoing, presence, presenceTold: false } });
    }
    case 'watch':
      return stay({ ...state, outgoing: { ...state.outgoing, watched: wish.users, watchTold: false } });
  }
}

function onToken(state: ConnectionState, token: string, now: number): ConnectionStep {
  const { generation } = state;
  if (state.phase.name === 'fetching-token') {
    return stay({ ...state, phase: { name: 'opening' }, heardAt: now }, { do: 'open', generation, token });
  }
  const renews = state.phase.name === 'replaying' || state.phase.name === 'live';
  return renews ? stay(renewalSent(state, now), { do: 'send', frame: { t: 'auth', token } }) : stay(state);
}

function onOpened(state: ConnectionState, now: number): ConnectionStep {
  if (state.phase.name !== 'opening') return stay(state);
  const outgoing = outgoingAnew(state.outgoing, now);
  return stay({ ...state, phase: { name: 'greeting' }, heardAt: now, outgoing });
}

function onClosed(state: ConnectionState, input: Moment & StopFault): ConnectionStep {
  const { code, reason } = input;
  // 4010: a newer socket of this device has taken over; coming back would take over from it, for ever.
  const forGood = code === NO_SUCH_PLACE || code === 4010 || (code >= 4500 && code < 4600);
  return forGood ? end(state, { code, reason }) : backOff(state, input);
}

function onTick(state: ConnectionState, moment: Moment): ConnectionStep {
  if (state.phase.name === 'waiting') {
    return moment.now < state.phase.until ? stay(state) : reconnect(state, moment.now);
  }
  const endsAt = connectionEndsAt(state);
  if (endsAt === null) return stay(state);
  if (moment.now < endsAt) return onRenewal(state, moment.now);
  const asked = state.leaveAt !== null && moment.now >= state.leaveAt;
  return asked ? leave(state, moment.now) : backOff(state, moment);
}

function onRenewal(state: ConnectionState, now: number): ConnectionStep {
  const at = renewAt(state);
  return at === null || now < at || !state.renewal ? stay(state) : renew(state, state.renewal.until, now);
}
