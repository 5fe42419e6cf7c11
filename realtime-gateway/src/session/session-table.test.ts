import { type ClientFrame, HEARTBEAT_MS, HELLO_DEADLINE_MS } from '@parley/contracts';
import { describe, expect, test } from 'vitest';
import {
  AUTH_GRACE_MS,
  AUTH_SOON_MS,
  advance,
  type Effect,
  type Input,
  openSession,
  type State,
} from './session.ts';

type Phase = State['phase'];
type Kind = Input['kind'];

const NOW = 1_000_000;
const identity = { userId: 'alice', expiresAt: NOW + 3_600_000, warned: false };
const { pulse } = openSession(NOW) as Extract<State, { phase: 'greeting' }>;

const states: { [P in Phase]: Extract<State, { phase: P }> } = {
  greeting: { phase: 'greeting', deadline: NOW + HELLO_DEADLINE_MS, pulse },
  authenticating: {
    phase: 'authenticating',
    hello: { since: null, feed: 'all', device: null, presence: 'active' },
    pulse,
  },
  resuming: { phase: 'resuming', identity, pulse },
  live: { phase: 'live', identity, pulse },
  closed: { phase: 'closed' },
};

const inputs: { [K in Kind]: Extract<Input, { kind: K }> } = {
  frame: { kind: 'frame', frame: { t: 'hb' }, now: NOW },
  garbage: { kind: 'garbage', detail: 'not JSON', now: NOW },
  verified: { kind: 'verified', userId: 'alice', expiresAt: NOW + 7_200_000 },
  refused: { kind: 'refused', fault: 'token-refused' },
  'caught-up': { kind: 'caught-up' },
  tick: { kind: 'tick', now: NOW + 1_000, bufferedBytes: 0 },
  failed: { kind: 'failed' },
  overflowed: { kind: 'overflowed' },
  'continuity-lost': { kind: 'continuity-lost' },
  draining: { kind: 'draining', afterMs: [0, 100], reason: 'deploy' },
  stopping: { kind: 'stopping' },
  gone: { kind: 'gone' },
};

/** The phase it goes to, then what it does; `close` stands for release and close. */
type Outcome = readonly [Phase, ...(Effect['do'] | number)[]];

const shut = (code: number): Outcome => ['closed', 'release', code];
const gone: Outcome = ['closed', 'release'];
const nothing: Outcome = ['closed'];

const table: { [P in Phase]: { [K in Kind]: Outcome } } = {
  greeting: {
    frame: shut(4501),
    garbage: shut(4501),
    verified: ['greeting'],
    refused: shut(4500),
    'caught-up': ['greeting'],
    tick: ['greeting'],
    failed: shut(4000),
    overflowed: shut(4008),
    'continuity-lost': shut(4003),
    draining: ['greeting', 'send'],
    stopping: shut(4001),
    gone,
  },
  authenticating: {
    frame: ['authenticating'],
    garbage: shut(4501),
    verified: ['resuming', 'resume'],
    refused: shut(4500),
    'caught-up': ['authenticating'],
    tick: ['authenticating'],
    failed: shut(4000),
    overflowed: shut(4008),
    'continuity-lost': shut(4003),
    draining: ['authenticating', 'send'],
    stopping: shut(4001),
    gone,
  },
  resuming: {
    frame: ['resuming'],
    garbage: shut(4501),
    verified: ['resuming', 'send'],
    refused: shut(4500),
    'caught-up': ['live'],
    tick: ['resuming'],
    failed: shut(4000),
    overflowed: shut(4008),
    'continuity-lost': shut(4003),
    draining: ['resuming', 'send'],
    stopping: shut(4001),
    gone,
  },
  live: {
    frame: ['live'],
    garbage: shut(4501),
    verified: ['live', 'send'],
    refused: shut(4500),
    'caught-up': ['live'],
    tick: ['live'],
    failed: shut(4000),
    overflowed: shut(4008),
    'continuity-lost': shut(4003),
    draining: ['live', 'send'],
    stopping: shut(4001),
    gone,
  },
  closed: {
    frame: nothing,
    garbage: nothing,
    verified: nothing,
    refused: nothing,
    'caught-up': nothing,
    tick: nothing,
    failed: nothing,
    overflowed: nothing,
    'continuity-lost': nothing,
    draining: nothing,
    stopping: nothing,
    gone: nothing,
  },
};

function outcomeOf(state: State, input: Input): Outcome {
  const step = advance(state, input);
  return [
    step.state.phase,
    ...step.effects.map((effect) => (effect.do === 'close' ? effect.code : effect.do)),
  ];
}

const cells = Object.entries(table).flatMap(([phase, row]) =>
  Object.entries(row).map(([kind, outcome]) => [phase, kind, outcome] as [Phase, Kind, Outcome]),
);

test.each(cells)('a session that is %s and gets %s becomes %j', (phase, kind, outcome) => {
  expect(outcomeOf(states[phase], inputs[kind])).toEqual(outcome);
});

describe('hello', () => {
  const hello: ClientFrame = {
    t: 'hello',
    token: 'x',
    since: null,
    feed: 'all',
    caps: [],
    presence: 'active',
  };

  test('is verified when it comes first and refused when it comes again', () => {
    expect(outcomeOf(states.greeting, { kind: 'frame', frame: hello, now: NOW })).toEqual([
      'authenticating',
      'verify',
    ]);
    for (const state of [states.authenticating, states.resuming, states.live]) {
      expect(outcomeOf(state, { kind: 'frame', frame: hello, now: NOW })).toEqual(shut(4501));
    }
  });

  test('must come in time', () => {
    const late = { kind: 'tick', now: NOW + HELLO_DEADLINE_MS, bufferedBytes: 0 } as const;
    expect(outcomeOf(states.greeting, late)).toEqual(shut(4501));
  });

  test.each([
    ['token-expired', 4403],
    ['token-refused', 4500],
    ['unavailable', 4000],
  ] as const)('with a token that is %s is closed with %i', (fault, code) => {
    expect(outcomeOf(states.authenticating, { kind: 'refused', fault })).toEqual(shut(code));
  });
});

describe('the token', () => {
  test('may be renewed for the same user only', () => {
    const auth = { kind: 'frame', frame: { t: 'auth', token: 'y' }, now: NOW } as const;
    expect(outcomeOf(states.live, auth)).toEqual(['live', 'verify']);
    expect(outcomeOf(states.live, { kind: 'verified', userId: 'bob', expiresAt: NOW })).toEqual(shut(4500));
  });

  test('is announced once before its end and closes the socket after the grace', () => {
    const at = (now: number): Input => ({ kind: 'tick', now, bufferedBytes: 0 });
    const fresh: State = { ...states.live, pulse: { ...pulse, nextHeartbeat: Number.MAX_SAFE_INTEGER } };
    const soon = advance(fresh, at(identity.expiresAt - AUTH_SOON_MS));
    expect(soon.effects).toEqual([{ do: 'send', frame: { t: 'auth-soon', inMs: AUTH_SOON_MS } }]);
    expect(outcomeOf(soon.state, at(identity.expiresAt))).toEqual(['live']);
    expect(outcomeOf(soon.state, at(identity.expiresAt + AUTH_GRACE_MS))).toEqual(shut(4403));
  });
});

describe('life', () => {
  const ticks = (state: State, times: number[], bufferedBytes = 0): Outcome[] => {
    let current = state;
    return times.map((now) => {
      const step = advance(current, { kind: 'tick', now, bufferedBytes });
      current = step.state;
      return [
        step.state.phase,
        ...step.effects.map((effect) => (effect.do === 'close' ? effect.code : effect.do)),
      ];
    });
  };

  test('a client that leaves two heartbeats unanswered is closed at the third', () => {
    const beats = [1, 2, 3].map((n) => NOW + n * HEARTBEAT_MS);
    expect(ticks(states.live, beats)).toEqual([['live', 'heartbeat'], ['live', 'heartbeat'], shut(4005)]);
  });

  test('any frame counts as life', () => {
    let state: State = states.live;
    for (let n = 1; n <= 10; n++) {
      const now = NOW + n * HEARTBEAT_MS;
      expect(outcomeOf(state, { kind: 'tick', now, bufferedBytes: 0 })).toEqual(['live', 'heartbeat']);
      state = advance(state, { kind: 'tick', now, bufferedBytes: 0 }).state;
      state = advance(state, { kind: 'frame', frame: { t: 'hb' }, now }).state;
    }
  });

  test('a socket that takes nothing for ten seconds is a slow consumer', () => {
    const outcomes = ticks(states.live, [NOW + 1_000, NOW + 6_000, NOW + 11_000], 500);
    expect(outcomes).toEqual([['live'], ['live'], shut(4008)]);
  });

  test('a socket that takes something now and then is not', () => {
    let state: State = states.live;
    for (let n = 1; n <= 60; n++) {
      const bufferedBytes = n % 8 === 0 ? 100 : 900 + (n % 8);
      state = advance(state, { kind: 'tick', now: NOW + n * 1_000, bufferedBytes }).state;
      state = advance(state, { kind: 'frame', frame: { t: 'hb' }, now: NOW + n * 1_000 }).state;
    }
    expect(state.phase).toBe('live');
  });

  test('thirty frames at once are allowed, the next one is not, and time gives more', () => {
    let state: State = states.live;
    const frame = (now: number): Outcome => {
      const outcome = outcomeOf(state, { kind: 'frame', frame: { t: 'hb' }, now });
      state = advance(state, { kind: 'frame', frame: { t: 'hb' }, now }).state;
      return outcome;
    };
    for (let n = 0; n < 30; n++) expect(frame(NOW)).toEqual(['live']);
    expect(outcomeOf(state, { kind: 'frame', frame: { t: 'hb' }, now: NOW })).toEqual(shut(4009));
    expect(frame(NOW + 500)).toEqual(['live']);
    expect(frame(NOW + 500)).toEqual(shut(4009));
  });
});
