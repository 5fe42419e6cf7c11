import {
  type ClientFrame,
  type CloseCode,
  HEARTBEAT_MS,
  HELLO_DEADLINE_MS,
  type OwnPresence,
  type ServerFrame,
} from '@parley/contracts';
import type { Claims, Hello, Identity } from './identity.ts';
import { askRenewal, endRenewal, identify, tokenStage } from './identity.ts';
import { beat, countFrame, expired, forgive, newPulse, type Pulse, type Transport } from './pulse.ts';

export type { Claims, Hello } from './identity.ts';

/** After which a token that could not be verified may be tried again. */
const RETRY_MS = 2_000;
/** Requests of a client that is not live yet; they are done in order when it is. */
export const MAX_KEPT_FRAMES = 256;

export type State =
  /** Waiting for `hello`. */
  | { phase: 'greeting'; deadline: number; pulse: Pulse }
  /** The hello's token is being verified. */
  | { phase: 'authenticating'; hello: Hello; kept: readonly Request[]; pulse: Pulse }
  /** Waiting for its turn, or being replayed to. */
  | { phase: 'resuming'; identity: Identity; kept: readonly Request[]; pulse: Pulse }
  | { phase: 'live'; identity: Identity; pulse: Pulse }
  | { phase: 'closed' };

type Asked<T extends Request['t']> = Extract<Request, { t: T }>;

/** What a client may ask before it is live, and has to wait for. */
type Request = Exclude<ClientFrame, { t: 'hello' | 'hb' | 'auth' | 'presence' }>;

export type AuthFault = 'token-expired' | 'token-refused' | 'session-revoked' | 'unavailable';

export type Input =
  | { kind: 'frame'; frame: ClientFrame; now: number }
  /** A ping or pong of the WebSocket protocol. */
  | { kind: 'control'; now: number }
  /** A frame that is none of the protocol's. */
  | { kind: 'garbage'; detail: string; now: number }
  | { kind: 'verified'; claims: Claims }
  | { kind: 'refused'; fault: AuthFault }
  | { kind: 'caught-up' }
  /** `wallNow`: milliseconds since 1970. Every `now` is of a clock that never steps. */
  | ({ kind: 'tick'; now: number; wallNow: number } & Transport)
  /** What the session needs is away. */
  | { kind: 'failed' }
  | { kind: 'overflowed' }
  /** The session was revoked after it had been verified. */
  | { kind: 'revoked' }
  /** A newer socket of the same user and device is here. */
  | { kind: 'replaced' }
  /** The user has as many sockets as one may have. */
  | { kind: 'crowded' }
  | { kind: 'continuity-lost' }
  | { kind: 'draining'; afterMs: [number, number]; reason: string }
  | { kind: 'stopping' }
  | { kind: 'gone' };

export type Effect =
  | { do: 'verify'; token: string }
  | { do: 'resume'; claims: Claims; hello: Hello }
  /** The token is another one: what the old one allowed may be over. */
  | { do: 'renew'; claims: Claims }
  | { do: 'send'; frame: ServerFrame }
  | { do: 'subscribe'; claims: Claims; feed: 'all' | 'none'; request: Asked<'sub'> }
  | { do: 'unsubscribe'; conversation: string }
  | { do: 'typing'; claims: Claims; conversation: string; on: boolean }
  | { do: 'presence'; state: OwnPresence }
  | { do: 'watch'; users: readonly string[] }
  /** Send what waits, then `hb` with the position reached. */
  | { do: 'heartbeat' }
  | { do: 'close'; code: CloseCode; reason: string }
  /** Forget the session everywhere. */
  | { do: 'release' };

export type Step = { state: State; effects: readonly Effect[] };

/** `now` is of a clock that never steps. */
export function openSession(now: number): State {
  return { phase: 'greeting', deadline: now + HELLO_DEADLINE_MS, pulse: newPulse(now, HEARTBEAT_MS) };
}

const NOTHING: readonly Effect[] = [];
const stay = (state: State, ...effects: Effect[]): Step => ({
  state,
  effects: effects.length > 0 ? effects : NOTHING,
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
    case 'control':
      return onControl(state, input.now);
    case 'garbage':
      return close(4501, input.detail);
    case 'verified':
      return onVerified(state, input.claims);
    case 'refused':
      return onRefused(state, input.fault);
    case 'caught-up':
      return onCaughtUp(state);
    case 'tick':
      return onTick(state, input);
    case 'failed':
      return close(4000, 'try again');
    case 'overflowed':
      return close(4008, 'reading too slowly');
    case 'revoked':
      return close(4503, 'the session was revoked');
    case 'replaced':
      return close(4010, 'a newer socket of this device is here');
    case 'crowded':
      return close(4504, 'too many sockets of this user');
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
type IdentifiedState = Extract<State, { phase: 'resuming' | 'live' }>;

function onFrame(state: OpenState, frame: ClientFrame, now: number): Step {
  const pulse = countFrame(state.pulse, now);
  if (!pulse) return close(4009, 'too many frames');
  if (frame.t === 'hello') {
    if (state.phase !== 'greeting') return close(4501, 'hello comes once');
    const { since, feed, presence, device = null } = frame;
    const hello: Hello = { since, feed, presence, device };
    return stay({ phase: 'authenticating', hello, kept: [], pulse }, { do: 'verify', token: frame.token });
  }
  if (state.phase === 'greeting') return close(4501, 'hello comes first');
  const alive = { ...state, pulse };
  if (frame.t === 'hb') return stay(alive);
  if (frame.t === 'auth') {
    if (alive.phase === 'authenticating') return close(4501, 'one token at a time');
    return withRenewal(alive, askRenewal(alive.identity, frame.token));
  }
  if (frame.t === 'presence') return onPresence(alive, frame.state);
  if (alive.phase === 'live') return stay(alive, effectOf(frame, alive.identity));
  // The newest alone: hundreds of these, each as large as a frame may be, would be megabytes for one socket.
  const kept = frame.t === 'watch' ? alive.kept.filter(({ t }) => t !== 'watch') : alive.kept;
  if (kept.length >= MAX_KEPT_FRAMES) return close(4009, 'too many requests before live');
  return stay({ ...alive, kept: [...kept, frame] });
}

function onControl(state: OpenState, now: number): Step {
  const pulse = countFrame(state.pulse, now);
  return pulse ? stay(withPulse(state, pulse)) : close(4009, 'too many frames');
}

/** At once: one who becomes invisible must not be seen until a replay is over. */
function onPresence(state: Exclude<OpenState, { phase: 'greeting' }>, presence: OwnPresence): Step {
  if (state.phase !== 'authenticating') return stay(state, { do: 'presence', state: presence });
  return stay({ ...state, hello: { ...state.hello, presence } });
}

function onCaughtUp(state: OpenState): Step {
  if (state.phase !== 'resuming') return stay(state);
  const { identity, kept, pulse } = state;
  const effects = kept.map((frame) => effectOf(frame, identity));
  return stay({ phase: 'live', identity, pulse: forgive(pulse) }, ...effects);
}

function effectOf(frame: Request, { claims, feed }: Identity): Effect {
  switch (frame.t) {
    case 'sub':
      return { do: 'subscribe', claims, feed, request: frame };
    case 'unsub':
      return { do: 'unsubscribe', conversation: frame.conversation };
    case 'typing':
      return { do: 'typing', claims, conversation: frame.conversation, on: frame.on };
    case 'watch':
      return { do: 'watch', users: frame.users };
  }
}

function onVerified(state: OpenState, claims: Claims): Step {
  if (state.phase === 'greeting') return stay(state);
  if (state.phase === 'authenticating') {
    const { hello, kept, pulse } = state;
    const identity = identify(claims, hello.feed);
    return stay({ phase: 'resuming', identity, kept, pulse }, { do: 'resume', claims, hello });
  }
  if (claims.userId !== state.identity.claims.userId) return close(4500, 'the token is of another user');
  const answer = { t: 'auth-ok', expiresAt: claims.expiresAt } as const;
  const renewal = endRenewal(state.identity, claims);
  return withRenewal(state, renewal, { do: 'renew', claims }, { do: 'send', frame: answer });
}

function withRenewal(
  state: IdentifiedState,
  { identity, verify }: ReturnType<typeof endRenewal>,
  ...effects: Effect[]
): Step {
  if (verify !== null) effects.push({ do: 'verify', token: verify });
  return stay({ ...state, identity }, ...effects);
}

function onRefused(state: OpenState, fault: AuthFault): Step {
  if (fault === 'token-expired') return close(4403, 'token expired');
  if (fault === 'token-refused') return close(4500, 'token refused');
  if (fault === 'session-revoked') return close(4503, 'the session was revoked');
  const detail = 'tokens cannot be verified now';
  if (state.phase === 'greeting' || state.phase === 'authenticating') return close(4000, detail);
  // The token that it has is as good as before; its end closes the socket.
  const answer = { t: 'error', code: 'unavailable', detail, retryAfterMs: RETRY_MS } as const;
  return withRenewal(state, endRenewal(state.identity, null), { do: 'send', frame: answer });
}

function onTick(state: OpenState, tick: Extract<Input, { kind: 'tick' }>): Step {
  const { now, wallNow } = tick;
  if (state.phase === 'greeting')
    return now >= state.deadline ? close(4501, 'no hello in time') : stay(state);
  if (state.phase === 'authenticating') return stay(state);
  // Who waits for a replay is sent no heartbeats yet, so none is unanswered.
  const counted = state.phase === 'live' ? state.pulse : forgive(state.pulse);
  const { pulse, due } = beat(counted, now, tick, HEARTBEAT_MS);
  const fault = expired(pulse, now);
  if (fault === 'stalled') return close(4008, 'nothing was read for too long');
  if (fault === 'silent') return close(4005, 'no sign of life');
  const heartbeat: Effect[] = due ? [{ do: 'heartbeat' }] : [];
  const stage = tokenStage(state.identity, wallNow);
  if (stage === 'over') return close(4403, 'token expired');
  if (stage === 'good') return stay(withPulse(state, pulse), ...heartbeat);
  const inMs = Math.max(0, state.identity.claims.expiresAt - wallNow);
  const warned = { ...state, pulse, identity: { ...state.identity, warned: true } };
  return stay(warned, ...heartbeat, { do: 'send', frame: { t: 'auth-soon', inMs } });
}

/** Most ticks change nothing; ten thousand sockets need not make ten thousand objects a second. */
function withPulse<S extends OpenState>(state: S, pulse: Pulse): State {
  return pulse === state.pulse ? state : { ...state, pulse };
}
