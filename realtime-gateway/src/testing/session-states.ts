import { type ClientFrame, HELLO_DEADLINE_MS } from '@parley/contracts';
import { identify } from '../session/identity.ts';
import { advance, type Effect, type Input, openSession, type State } from '../session/session.ts';

export type Phase = State['phase'];
export type Kind = Input['kind'];

export const NOW = 1_000_000;
export const claims = (userId: string, expiresAt: number) => ({
  userId,
  sessionId: 's1',
  segments: [],
  expiresAt,
});
export const expiresAt = NOW + 3_600_000;
const identity = identify(claims('alice', expiresAt), 'all');
export const { pulse } = openSession(NOW) as Extract<State, { phase: 'greeting' }>;

export const states: { [P in Phase]: Extract<State, { phase: P }> } = {
  greeting: { phase: 'greeting', deadline: NOW + HELLO_DEADLINE_MS, pulse },
  authenticating: {
    phase: 'authenticating',
    hello: { since: null, feed: 'all', device: null, presence: 'active' },
    kept: [],
    pulse,
  },
  resuming: { phase: 'resuming', identity, kept: [], pulse },
  live: { phase: 'live', identity, pulse },
  closed: { phase: 'closed' },
};

type Tick = Extract<Input, { kind: 'tick' }>;

/** Both clocks show the same, and the transport is empty, unless told. */
export function tickAt(now: number, rest: Partial<Tick> = {}): Tick {
  return { kind: 'tick', now, wallNow: now, bufferedBytes: 0, sentBytes: 0, isPaging: false, ...rest };
}

export const inputs: { [K in Kind]: Extract<Input, { kind: K }> } = {
  frame: { kind: 'frame', frame: { t: 'hb' }, now: NOW },
  control: { kind: 'control', now: NOW },
  garbage: { kind: 'garbage', detail: 'not JSON', now: NOW },
  verified: { kind: 'verified', claims: claims('alice', NOW + 7_200_000) },
  refused: { kind: 'refused', fault: 'token-refused' },
  'caught-up': { kind: 'caught-up' },
  tick: tickAt(NOW + 1_000),
  failed: { kind: 'failed' },
  overflowed: { kind: 'overflowed' },
  revoked: { kind: 'revoked' },
  replaced: { kind: 'replaced' },
  crowded: { kind: 'crowded' },
  'continuity-lost': { kind: 'continuity-lost' },
  draining: { kind: 'draining', afterMs: [0, 100], reason: 'deploy' },
  stopping: { kind: 'stopping' },
  gone: { kind: 'gone' },
};

/** The phase it goes to, then what it does; `close` stands for release and close. */
export type Outcome = readonly [Phase, ...(Effect['do'] | number)[]];

export const shut = (code: number): Outcome => ['closed', 'release', code];
export const gone: Outcome = ['closed', 'release'];
export const nothing: Outcome = ['closed'];

export function outcomeOf(state: State, input: Input): Outcome {
  const step = advance(state, input);
  return [
    step.state.phase,
    ...step.effects.map((effect) => (effect.do === 'close' ? effect.code : effect.do)),
  ];
}

export type FrameType = ClientFrame['t'];

export const CONVERSATION = '0190a000-0000-7000-8000-000000000001';
export const frames: { [T in FrameType]: Extract<ClientFrame, { t: T }> } = {
  hello: { t: 'hello', token: 'x', since: null, feed: 'all', caps: [], presence: 'active' },
  sub: { t: 'sub', id: 1, conversation: CONVERSATION, from: 'head' },
  unsub: { t: 'unsub', id: 2, conversation: CONVERSATION },
  typing: { t: 'typing', conversation: CONVERSATION, on: true },
  presence: { t: 'presence', state: 'away' },
  watch: { t: 'watch', id: 3, users: ['bob'] },
  auth: { t: 'auth', token: 'y' },
  hb: { t: 'hb' },
};
