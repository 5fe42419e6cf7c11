import {
  type ClientFrame,
  type CloseCode,
  HEARTBEAT_MS,
  HELLO_DEADLINE_MS,
  type OwnPresence,
  type ServerFrame,
} from '@parley/contracts';
import { beat, countFrame, expired, newPulse, type Pulse } from './pulse.ts';

/** How long before the token's end the client is told, and how long after it the socket stays. */
export const AUTH_SOON_MS = 60_000;
export const AUTH_GRACE_MS = 25_000;

export type State =
  /** Waiting for `hello`. */
  | { phase: 'greeting'; deadline: number; pulse: Pulse }
  /** The hello's token is being verified. */
  | { phase: 'authenticating'; hello: Hello; pulse: Pulse }
  /** Waiting for its turn, or being replayed to. */
  | { phase: 'resuming'; identity: Identity; pulse: Pulse }
  | { phase: 'live'; identity: Identity; pulse: Pulse }
  | { phase: 'closed' };

interface Hello {
  since: string | null;
  feed: 'all' | 'none';
  device: string | null;
  presence: OwnPresence;
}

interface Identity {
  userId: string;
  /** Milliseconds since 1970. */
  expiresAt: number;
  /** The client knows that the token ends soon. */
  warned: boolean;
}

export type AuthFault = 'token-expired' | 'token-refused' | 'unavailable';

export type Input =
  | { kind: 'frame'; frame: ClientFrame; now: number }
  /** A frame that is none of the protocol's. */
  | { kind: 'garbage'; detail: string; now: number }
  | { kind: 'verified'; userId: string; expiresAt: number }
  | { kind: 'refused'; fault: AuthFault }
  | { kind: 'caught-up' }
  | { kind: 'tick'; now: number; bufferedBytes: number }
  /** What the session needs is away. */
  | { kind: 'failed' }
  | { kind: 'overflowed' }
  | { kind: 'continuity-lost' }
  | { kind: 'draining'; afterMs: [number, number]; reason: string }
  | { kind: 'stopping' }
  | { kind: 'gone' };

export type Effect =
  | { do: 'verify'; token: string }
  | ({ do: 'resume'; userId: string; expiresAt: number } & Hello)
  | { do: 'send'; frame: ServerFrame }
  | { do: 'subscribe'; id: number; conversation: string; from: number | 'head' }
  | { do: 'unsubscribe'; id: number; conversation: string }
  | { do: 'typing'; conversation: string; on: boolean }
  | { do: 'presence'; state: OwnPresence }
  | { do: 'watch'; id: number; users: readonly string[] }
  /** Send what waits, then `hb` with the position reached. */
  | { do: 'heartbeat' }
  | { do: 'close'; code: CloseCode; reason: string }
  /** Forget the session everywhere. */
  | { do: 'release' };

export interface Step {
  state: State;
  effects: readonly Effect[];
}

export function openSession(now: number): State {
  return { phase: 'greeting', deadline: now + HELLO_DEADLINE_MS, pulse: newPulse(now, HEARTBEAT_MS) };
}

const NOTHING: readonly Effect[] = [];
const stay = (state: State, ...effects: Effect[]): Step => ({
  state,
  effects: effects.length ? effects : NOTHING,
});

function close(code: CloseCode, reason: string): Step {
  return { state: { phase: 'closed' }, effects: [{ do: 'release' }, { do: 'close', code, reason }] };
}

/** The life of one socket: what happens to it, given what it is. The commits themselves pass beside this. */
export function advance(state: State, input: Input): Step {
  if (state.phase === 'closed') return stay(state);
  switch (input.kind) {
    case 'frame':
      return onFrame(state, input.frame, input.now);
    case 'garbage':
      return close(4501, input.detail);
    case 'verified':
      return onVerified(state, input);
    case 'refused':
      return onRefused(input.fault);
    case 'caught-up':
      return state.phase === 'resuming' ? stay({ ...state, phase: 'live' }) : stay(state);
    case 'tick':
      return onTick(state, input.now, input.bufferedBytes);
    case 'failed':
      return close(4000, 'try again');
    case 'overflowed':
      return close(4008, 'reading too slowly');
    case 'continuity-lost':
      return close(4003, 'the log is not the one that was followed');
    case 'draining':
      return stay(state, { do: 'send', frame: { t: 'drain', afterMs: input.afterMs, reason: input.reason } });
    case 'stopping':
      return close(4001, 'going away');
    case 'gone':
      return { state: { phase: 'closed' }, effects: [{ do: 'release' }] };
  }
}

type OpenState = Exclude<State, { phase: 'closed' }>;

function onFrame(state: OpenState, frame: ClientFrame, now: number): Step {
  const pulse = countFrame(state.pulse, now);
  if (!pulse) return close(4009, 'too many frames');
  if (frame.t === 'hello') {
    if (state.phase !== 'greeting') return close(4501, 'hello comes once');
    const { since, feed, presence, device = null } = frame;
    const hello: Hello = { since, feed, presence, device };
    return stay({ phase: 'authenticating', hello, pulse }, { do: 'verify', token: frame.token });
  }
  if (state.phase === 'greeting') return close(4501, 'hello comes first');
  if (frame.t === 'hb') return stay({ ...state, pulse });
  if (state.phase === 'authenticating') return close(4501, 'one token at a time');
  return stay({ ...state, pulse }, asked(frame));
}

function asked(frame: Exclude<ClientFrame, { t: 'hello' | 'hb' }>): Effect {
  switch (frame.t) {
    case 'auth':
      return { do: 'verify', token: frame.token };
    case 'sub':
      return { do: 'subscribe', id: frame.id, conversation: frame.conversation, from: frame.from };
    case 'unsub':
      return { do: 'unsubscribe', id: frame.id, conversation: frame.conversation };
    case 'typing':
      return { do: 'typing', conversation: frame.conversation, on: frame.on };
    case 'presence':
      return { do: 'presence', state: frame.state };
    case 'watch':
      return { do: 'watch', id: frame.id, users: frame.users };
  }
}

function onVerified(state: OpenState, { userId, expiresAt }: { userId: string; expiresAt: number }): Step {
  if (state.phase === 'greeting') return stay(state);
  const identity: Identity = { userId, expiresAt, warned: false };
  if (state.phase === 'authenticating') {
    const next: State = { phase: 'resuming', identity, pulse: state.pulse };
    return stay(next, { do: 'resume', userId, expiresAt, ...state.hello });
  }
  if (userId !== state.identity.userId) return close(4500, 'the token is of another user');
  return stay({ ...state, identity }, { do: 'send', frame: { t: 'auth-ok', expiresAt } });
}

function onRefused(fault: AuthFault): Step {
  if (fault === 'token-expired') return close(4403, 'token expired');
  if (fault === 'token-refused') return close(4500, 'token refused');
  return close(4000, 'tokens cannot be verified now');
}

function onTick(state: OpenState, now: number, bufferedBytes: number): Step {
  if (state.phase === 'greeting')
    return now >= state.deadline ? close(4501, 'no hello in time') : stay(state);
  if (state.phase === 'authenticating') return stay(state);
  const { pulse, due } = beat(state.pulse, now, bufferedBytes, HEARTBEAT_MS);
  const fault = expired(pulse, now);
  if (fault === 'stalled') return close(4008, 'nothing was read for too long');
  if (fault === 'silent') return close(4005, 'no sign of life');
  const heartbeat: Effect[] = due ? [{ do: 'heartbeat' }] : [];
  const { identity } = state;
  if (now >= identity.expiresAt + AUTH_GRACE_MS) return close(4403, 'token expired');
  if (identity.warned || now < identity.expiresAt - AUTH_SOON_MS)
    return stay(withPulse(state, pulse), ...heartbeat);
  const inMs = Math.max(0, identity.expiresAt - now);
  const warned = { ...state, pulse, identity: { ...identity, warned: true } };
  return stay(warned, ...heartbeat, { do: 'send', frame: { t: 'auth-soon', inMs } });
}

/** Most ticks change nothing; ten thousand sockets need not make ten thousand objects a second. */
function withPulse<S extends OpenState>(state: S, pulse: Pulse): State {
  return pulse === state.pulse ? state : { ...state, pulse };
}
