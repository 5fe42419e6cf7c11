import {
  type ClientFrame,
  type CommitItem,
  formatPosition,
  parsePosition,
  type ServerFrame,
} from '@parley/contracts';
import type {
  ConnectionEffect,
  ConnectionInput,
  ConnectionState,
  ConnectionStep,
  Freshness,
  StopFault,
  SubscriptionItem,
} from './connection-model.ts';

/** This long without a frame and the connection counts as dead. */
export const SILENCE_MS = 35_000;
const BACKOFF_BASE_MS = 500;
const BACKOFF_MAX_MS = 20_000;

export function initialState(since: string | null): ConnectionState {
  return {
    phase: { name: 'idle' },
    generation: 0,
    attempt: 0,
    position: since === null ? null : parsePosition(since),
    heardAt: 0,
    leaveAt: null,
    freshness: 'loading',
  };
}

/** When the state wants its next `tick`, or null when it waits for something else. */
export function wakeAt(state: ConnectionState): number | null {
  const { name } = state.phase;
  if (state.phase.name === 'waiting') return state.phase.until;
  if (name === 'idle' || name === 'paused' || name === 'stopped' || name === 'fetching-token') return null;
  return Math.min(state.heardAt + SILENCE_MS, state.leaveAt ?? Number.POSITIVE_INFINITY);
}

const stay = (state: ConnectionState, ...effects: ConnectionEffect[]): ConnectionStep => ({ state, effects });

/** One connection after another, told as a function. Rules C1–C8 of SPEC.md live here. */
export function advance(state: ConnectionState, input: ConnectionInput): ConnectionStep {
  if (state.phase.name === 'stopped') return stay(state);
  if ('generation' in input && input.generation !== state.generation) return stay(state);
  switch (input.kind) {
    case 'start':
      return state.phase.name === 'idle' ? reconnect(state, input.now) : stay(state);
    case 'token':
      return onToken(state, input.token, input.now);
    case 'token-failed':
      return state.phase.name === 'fetching-token' ? backOff(state, input) : stay(state);
    case 'opened':
      return state.phase.name === 'opening'
        ? stay({ ...state, phase: { name: 'greeting' }, heardAt: input.now })
        : stay(state);
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
  }
}

function reconnect(state: ConnectionState, now: number): ConnectionStep {
  const generation = state.generation + 1;
  const next = {
    ...state,
    phase: { name: 'fetching-token' },
    generation,
    heardAt: now,
    leaveAt: null,
  } as const;
  return stay(next, { do: 'get-token', generation });
}

function onToken(state: ConnectionState, token: string, now: number): ConnectionStep {
  const { generation } = state;
  if (state.phase.name === 'fetching-token') {
    return stay({ ...state, phase: { name: 'opening' }, heardAt: now }, { do: 'open', generation, token });
  }
  const renews = state.phase.name === 'replaying' || state.phase.name === 'live';
  return renews ? stay(state, { do: 'send', frame: { t: 'auth', token } }) : stay(state);
}

/** Once the socket is open; the shell keeps the token, so that no state holds a secret. */
export function helloFrame(state: ConnectionState, token: string, device?: string): ClientFrame {
  const since = state.position && formatPosition(state.position.epoch, state.position.sequence);
  return {
    t: 'hello',
    token,
    since,
    feed: 'all',
    caps: [],
    presence: 'active',
    ...(device !== undefined && { device }),
  };
}

type Moment = { now: number; chance: number };

/** Full jitter, the first time included: clients that lost one server together must not come back together. */
function backOff(state: ConnectionState, { now, chance }: Moment): ConnectionStep {
  const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2 ** Math.min(state.attempt, 16));
  const next: ConnectionState = {
    ...state,
    phase: { name: 'waiting', until: now + chance * ceiling },
    generation: state.generation + 1,
    attempt: state.attempt + 1,
    leaveAt: null,
    freshness: aged(state.freshness),
  };
  return stay(next, { do: 'close' });
}

function aged(freshness: Freshness): Freshness {
  return freshness === 'fresh' ? 'stale' : freshness;
}

function pause(state: ConnectionState): ConnectionStep {
  const generation = state.generation + 1;
  return stay(
    { ...state, phase: { name: 'paused' }, generation, freshness: aged(state.freshness) },
    { do: 'close' },
  );
}

function end(state: ConnectionState, fault: StopFault | null): ConnectionStep {
  const next: ConnectionState = {
    ...state,
    phase: { name: 'stopped', fault },
    generation: state.generation + 1,
    freshness: aged(state.freshness),
  };
  return stay(next, { do: 'close' }, { do: 'ended', fault });
}

function onClosed(state: ConnectionState, input: Moment & StopFault): ConnectionStep {
  const forGood = input.code >= 4500 && input.code < 4600;
  return forGood ? end(state, { code: input.code, reason: input.reason }) : backOff(state, input);
}

function onTick(state: ConnectionState, moment: Moment): ConnectionStep {
  const wake = wakeAt(state);
  if (wake === null || moment.now < wake) return stay(state);
  if (state.phase.name === 'waiting') return reconnect(state, moment.now);
  if (state.leaveAt === null || moment.now < state.leaveAt) return backOff(state, moment);
  // Leaving when asked is no failure: the server has spread its clients already.
  const left = reconnect({ ...state, freshness: aged(state.freshness) }, moment.now);
  return { state: left.state, effects: [{ do: 'close' }, ...left.effects] };
}

function onFrame(state: ConnectionState, frame: ServerFrame, moment: Moment): ConnectionStep {
  switch (frame.t) {
    case 'welcome':
      return onWelcome(state, frame);
    case 'commit':
      return onCommits(state, [frame], moment);
    case 'commits':
      return onCommits(state, frame.items, moment);
    case 'live': {
      const live: ConnectionState = { ...state, phase: { name: 'live' }, attempt: 0, freshness: 'fresh' };
      return moveTo(live, frame.position, moment);
    }
    case 'hb': {
      const moved = moveTo(state, frame.position, moment);
      return { state: moved.state, effects: [...moved.effects, { do: 'send', frame: { t: 'hb' } }] };
    }
    case 'reset':
      return onReset(state, frame, moment);
    case 'revoked':
      return onRevoked(state, frame, moment);
    case 'auth-soon':
      return stay(state, { do: 'get-token', generation: state.generation });
    case 'drain': {
      const [from, to] = frame.afterMs;
      return stay({ ...state, leaveAt: moment.now + from + moment.chance * (to - from) });
    }
    default:
      return stay(state);
  }
}

function onWelcome(state: ConnectionState, frame: Extract<ServerFrame, { t: 'welcome' }>): ConnectionStep {
  const welcomed: ConnectionState = { ...state, phase: { name: 'replaying' } };
  if (state.position === null) {
    const position = parsePosition(frame.position);
    return stay({ ...welcomed, position }, { do: 'moved', position: frame.position });
  }
  // Of another log: the old position means nothing here, and `reset` says where to go on.
  return stay(state.position.epoch === frame.epoch ? welcomed : { ...welcomed, position: null });
}

function onCommits(state: ConnectionState, items: readonly CommitItem[], moment: Moment): ConnectionStep {
  const effects: ConnectionEffect[] = [];
  let { position } = state;
  for (const commit of items) {
    if (position === null) return backOff(state, moment);
    if (commit.seq <= position.sequence) continue;
    position = { epoch: position.epoch, sequence: commit.seq };
    const text = formatPosition(position.epoch, position.sequence);
    effects.push({ do: 'deliver', item: { kind: 'commit', position: text, commit } });
  }
  return { state: { ...state, position }, effects };
}

function moveTo(state: ConnectionState, text: string, moment: Moment): ConnectionStep {
  const position = parsePosition(text);
  if (!position || !state.position || position.epoch !== state.position.epoch) return backOff(state, moment);
  if (position.sequence <= state.position.sequence) return stay(state);
  return stay({ ...state, position }, { do: 'moved', position: text });
}

function onReset(
  state: ConnectionState,
  { position: text, reason }: Extract<ServerFrame, { t: 'reset' }>,
  moment: Moment,
): ConnectionStep {
  const position = parsePosition(text);
  if (!position) return backOff(state, moment);
  const item: SubscriptionItem = { kind: 'reset', position: text, reason };
  return stay({ ...state, position, freshness: 'loading' }, { do: 'deliver', item });
}

function onRevoked(
  state: ConnectionState,
  { conversation, reason }: Extract<ServerFrame, { t: 'revoked' }>,
  moment: Moment,
): ConnectionStep {
  if (state.position === null) return backOff(state, moment);
  const position = formatPosition(state.position.epoch, state.position.sequence);
  return stay(state, { do: 'deliver', item: { kind: 'revoked', position, conversation, reason } });
}
