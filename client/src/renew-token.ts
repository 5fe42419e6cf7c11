import { type Moment, stay } from './change-phase.ts';
import type { ConnectionState, ConnectionStep } from './connection-model.ts';

/** Of a renewal that is not answered, after this time the next one begins. */
const PATIENCE_MS = 15_000;
const PAUSE_MS = 1_000;
const SPREAD_MS = 4_000;

/** Asks for a token to go on with on the same socket, again and again until the present one ends. */
export function renew(state: ConnectionState, until: number, now: number): ConnectionStep {
  const renewal = { askAt: now + PATIENCE_MS, until };
  return stay({ ...state, renewal }, { do: 'get-token', generation: state.generation });
}

/** It is over when the gateway confirms it: one that cannot check a token now says so, and asks for no other. */
export function renewalSent(state: ConnectionState, now: number): ConnectionState {
  const { renewal } = state;
  return renewal ? { ...state, renewal: { ...renewal, askAt: now + PATIENCE_MS } } : state;
}

/** Not before `pauseMs`. */
export function renewedLater(
  state: ConnectionState,
  { now, chance }: Moment,
  pauseMs = PAUSE_MS,
): ConnectionStep {
  const { renewal } = state;
  if (!renewal) return stay(state);
  const askAt = now + Math.max(pauseMs, PAUSE_MS) + chance * SPREAD_MS;
  return stay({ ...state, renewal: { ...renewal, askAt } });
}

/** When the token is to be asked for again, or null. After its end the server says what to do. */
export function renewAt({ renewal }: ConnectionState): number | null {
  return renewal && renewal.askAt < renewal.until ? renewal.askAt : null;
}
