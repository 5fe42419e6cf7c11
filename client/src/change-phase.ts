import type {
  ConnectionEffect,
  ConnectionState,
  ConnectionStep,
  Freshness,
  StopFault,
} from './connection-model.ts';

const BACKOFF_BASE_MS = 500;
const BACKOFF_MAX_MS = 20_000;
/** Live for less is no success: who is let go right after each `live` must not come back at once for ever. */
const STEADY_MS = 10_000;

export type Moment = { now: number; chance: number };

export const stay = (state: ConnectionState, ...effects: ConnectionEffect[]): ConnectionStep => ({
  state,
  effects,
});

export function reconnect(state: ConnectionState, now: number): ConnectionStep {
  const generation = state.generation + 1;
  const next = {
    ...state,
    phase: { name: 'fetching-token' },
    generation,
    heardAt: now,
    leaveAt: null,
    renewal: null,
  } as const;
  return stay(next, { do: 'get-token', generation });
}

/** Full jitter, the first time included: clients that lost one server together must not come back together. */
export function backOff(state: ConnectionState, { now, chance }: Moment): ConnectionStep {
  const attempt = isSteady(state, now) ? 0 : state.attempt;
  const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2 ** Math.min(attempt, 16));
  const next: ConnectionState = {
    ...state,
    phase: { name: 'waiting', until: now + chance * ceiling },
    generation: state.generation + 1,
    attempt: attempt + 1,
    leaveAt: null,
    freshness: aged(state.freshness),
  };
  return stay(next, { do: 'close' });
}

export function pause(state: ConnectionState): ConnectionStep {
  const generation = state.generation + 1;
  return stay(
    { ...state, phase: { name: 'paused' }, generation, freshness: aged(state.freshness) },
    { do: 'close' },
  );
}

export function end(state: ConnectionState, fault: StopFault | null): ConnectionStep {
  const next: ConnectionState = {
    ...state,
    phase: { name: 'stopped', fault },
    generation: state.generation + 1,
    freshness: aged(state.freshness),
  };
  return stay(next, { do: 'close' }, { do: 'ended', fault });
}

/** Leaving when asked is no failure: the server has spread its clients already. */
export function leave(state: ConnectionState, now: number): ConnectionStep {
  const left = reconnect({ ...state, freshness: aged(state.freshness) }, now);
  return { state: left.state, effects: [{ do: 'close' }, ...left.effects] };
}

const isSteady = ({ phase }: ConnectionState, now: number): boolean =>
  phase.name === 'live' && now - phase.since >= STEADY_MS;

function aged(freshness: Freshness): Freshness {
  return freshness === 'fresh' ? 'stale' : freshness;
}
