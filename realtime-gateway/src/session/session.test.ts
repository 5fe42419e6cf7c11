import { type ClientFrame, HEARTBEAT_MS, HELLO_DEADLINE_MS } from '@parley/contracts';
import { describe, expect, test } from 'vitest';
import {
  CONVERSATION,
  claims,
  expiresAt,
  frames,
  inputs,
  NOW,
  type Outcome,
  outcomeOf,
  pulse,
  shut,
  states,
  tickAt,
} from '../testing/session-states.ts';
import { AUTH_GRACE_MS, AUTH_SOON_MS } from './identity.ts';
import { advance, type Input, MAX_KEPT_FRAMES, type State } from './session.ts';

describe('what is asked before the session is live', () => {
  const send = (state: State, frame: ClientFrame, now = NOW): State =>
    advance(state, { kind: 'frame', frame, now }).state;
  const asked = [frames.watch, frames.sub, frames.typing, frames.unsub] as const;

  test('is done in order when it is', () => {
    let state: State = states.authenticating;
    for (const frame of asked.slice(0, 2)) state = send(state, frame);
    state = advance(state, inputs.verified).state;
    for (const frame of asked.slice(2)) state = send(state, frame);
    const step = advance(state, { kind: 'caught-up' });
    const { claims } = inputs.verified;
    expect(step.effects).toEqual([
      { do: 'watch', users: ['bob'] },
      { do: 'subscribe', claims, feed: 'all', request: frames.sub },
      { do: 'typing', claims, conversation: CONVERSATION, on: true },
      { do: 'unsubscribe', conversation: CONVERSATION },
    ]);
    expect(advance(step.state, { kind: 'caught-up' }).effects).toEqual([]);
  });

  test.each(['authenticating', 'resuming'] as const)('is at most so much while %s', (phase) => {
    let state: State = states[phase];
    for (let n = 1; n <= MAX_KEPT_FRAMES; n++) state = send(state, frames.sub, NOW + n * 1_000);
    const now = NOW + (MAX_KEPT_FRAMES + 1) * 1_000;
    expect(outcomeOf(state, { kind: 'frame', frame: frames.hb, now })).toEqual([phase]);
    expect(outcomeOf(state, { kind: 'frame', frame: frames.sub, now })).toEqual(shut(4009));
  });

  test('of whom to watch is the newest alone, in its place among the rest', () => {
    let state: State = states.authenticating;
    for (let n = 1; n <= 2 * MAX_KEPT_FRAMES; n++) {
      state = send(state, { ...frames.watch, users: [`user-${n}`] }, NOW + n * 1_000);
      if (n === 1) state = send(state, frames.unsub, NOW + 1_000);
    }
    state = advance(state, inputs.verified).state;
    expect(advance(state, { kind: 'caught-up' }).effects).toEqual([
      { do: 'unsubscribe', conversation: CONVERSATION },
      { do: 'watch', users: [`user-${2 * MAX_KEPT_FRAMES}`] },
    ]);
  });

  test('of one’s presence holds from the start', () => {
    const state = send(states.authenticating, { t: 'presence', state: 'invisible' });
    const [resume] = advance(state, inputs.verified).effects;
    expect(resume).toMatchObject({ do: 'resume', hello: { presence: 'invisible' } });
  });
});

describe('hello', () => {
  test('must come in time', () => {
    const late = tickAt(NOW + HELLO_DEADLINE_MS);
    expect(outcomeOf(states.greeting, late)).toEqual(shut(4501));
  });

  test.each([
    ['token-expired', 4403],
    ['token-refused', 4500],
    ['session-revoked', 4503],
    ['unavailable', 4000],
  ] as const)('with a token that is %s is closed with %i', (fault, code) => {
    expect(outcomeOf(states.authenticating, { kind: 'refused', fault })).toEqual(shut(code));
  });
});

describe('the token', () => {
  test('may be renewed for the same user only', () => {
    const renewed = { ...claims('alice', NOW + 9_000_000), sessionId: 's2', segments: ['vip'] };
    const step = advance(states.live, { kind: 'verified', claims: renewed });
    expect(step.effects).toEqual([
      { do: 'renew', claims: renewed },
      { do: 'send', frame: { t: 'auth-ok', expiresAt: renewed.expiresAt } },
    ]);
    const of = (userId: string): Input => ({ kind: 'verified', claims: claims(userId, NOW) });
    expect(outcomeOf(step.state, of('alice'))).toEqual(['live', 'renew', 'send']);
    expect(outcomeOf(states.live, of('bob'))).toEqual(shut(4500));
  });

  const auth = (token: string): Input => ({ kind: 'frame', frame: { t: 'auth', token }, now: NOW });

  test.each(['resuming', 'live'] as const)(
    'is verified one at a time while %s, and of those that come meanwhile the newest holds',
    (phase) => {
      let state: State = states[phase];
      const effects = ['first', 'second', 'third'].flatMap((token) => {
        const step = advance(state, auth(token));
        state = step.state;
        return step.effects;
      });
      expect(effects).toEqual([{ do: 'verify', token: 'first' }]);
      const first = advance(state, inputs.verified);
      expect(first.effects.at(-1)).toEqual({ do: 'verify', token: 'third' });
      const third = advance(first.state, inputs.verified);
      expect(third.effects.map((effect) => effect.do)).toEqual(['renew', 'send']);
      expect(advance(third.state, auth('fourth')).effects).toEqual([{ do: 'verify', token: 'fourth' }]);
    },
  );

  test('that cannot be verified now leaves the one before it in force, up to its end', () => {
    const asked = advance(advance(states.live, auth('first')).state, auth('second')).state;
    const step = advance(asked, { kind: 'refused', fault: 'unavailable' });
    expect(step.effects).toEqual([
      {
        do: 'send',
        frame: expect.objectContaining({ t: 'error', code: 'unavailable', retryAfterMs: 2_000 }),
      },
      { do: 'verify', token: 'second' },
    ]);
    const last = advance(step.state, { kind: 'refused', fault: 'unavailable' });
    expect(last.effects.map((effect) => effect.do)).toEqual(['send']);
    const end: Input = tickAt(expiresAt + AUTH_GRACE_MS);
    expect(outcomeOf(last.state, end)).toEqual(shut(4403));
  });

  test('is announced once before its end and closes the socket after the grace', () => {
    const at = (now: number): Input => tickAt(now);
    const fresh: State = { ...states.live, pulse: { ...pulse, nextHeartbeat: Number.MAX_SAFE_INTEGER } };
    const soon = advance(fresh, at(expiresAt - AUTH_SOON_MS));
    expect(soon.effects).toEqual([{ do: 'send', frame: { t: 'auth-soon', inMs: AUTH_SOON_MS } }]);
    expect(outcomeOf(soon.state, at(expiresAt))).toEqual(['live']);
    expect(outcomeOf(soon.state, at(expiresAt + AUTH_GRACE_MS))).toEqual(shut(4403));
  });

  test('that is renewed by one that ends no later brings no new warning', () => {
    const at = (now: number): Input => tickAt(now);
    const fresh: State = { ...states.live, pulse: { ...pulse, nextHeartbeat: Number.MAX_SAFE_INTEGER } };
    const soon = expiresAt - AUTH_SOON_MS;
    let state = advance(fresh, at(soon)).state;
    state = advance(state, { kind: 'frame', frame: { t: 'auth', token: 'same' }, now: soon }).state;
    state = advance(state, { ...inputs.verified, claims: { ...inputs.verified.claims, expiresAt } }).state;
    expect(advance(state, at(soon + 1_000)).effects).toEqual([]);
    state = advance(state, { kind: 'frame', frame: { t: 'auth', token: 'later' }, now: soon }).state;
    const later = { ...inputs.verified.claims, expiresAt: expiresAt + 1_000 };
    state = advance(state, { ...inputs.verified, claims: later }).state;
    expect(advance(state, at(soon + 2_000)).effects).toHaveLength(1);
  });
});

describe('life', () => {
  const ticks = (state: State, times: number[], bufferedBytes = 0): Outcome[] => {
    let current = state;
    return times.map((now) => {
      const step = advance(current, tickAt(now, { bufferedBytes, sentBytes: bufferedBytes }));
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
      expect(outcomeOf(state, tickAt(now))).toEqual(['live', 'heartbeat']);
      state = advance(state, tickAt(now)).state;
      state = advance(state, { kind: 'frame', frame: { t: 'hb' }, now }).state;
    }
  });

  test('a socket that takes nothing for ten seconds is a slow consumer', () => {
    const outcomes = ticks(states.live, [NOW + 1_000, NOW + 6_000, NOW + 11_000], 500);
    expect(outcomes).toEqual([['live'], ['live'], shut(4008)]);
  });

  test('a socket that is taking a page is not, whatever the transport lets go of', () => {
    let state: State = states.resuming;
    for (let n = 1; n <= 60; n++) {
      const now = NOW + n * 1_000;
      state = advance(state, tickAt(now, { bufferedBytes: 500, sentBytes: 500, isPaging: true })).state;
    }
    expect(state.phase).toBe('resuming');
  });

  /** Ticks of a minute in which the client takes so much a second of what is always more. */
  const phaseAfter = (perSecond: number): State['phase'] => {
    let state: State = states.live;
    for (let n = 1; n <= 60; n++) {
      const now = NOW + n * 1_000;
      const sentBytes = n * (1_000 + perSecond);
      state = advance(state, tickAt(now, { bufferedBytes: n * 1_000, sentBytes })).state;
      state = advance(state, { kind: 'frame', frame: { t: 'hb' }, now }).state;
    }
    return state.phase;
  };

  test('a socket whose queue grows while it takes something is not', () => {
    expect(phaseAfter(200)).toBe('live');
  });

  test('a socket that takes a byte now and then is a slow consumer', () => {
    expect(phaseAfter(1)).toBe('closed');
  });

  test('who waits for a replay, and is sent no heartbeats, is not asked for any', () => {
    let state: State = states.resuming;
    for (let n = 1; n <= 10; n++) {
      state = advance(state, tickAt(NOW + n * HEARTBEAT_MS)).state;
    }
    state = advance(state, { kind: 'caught-up' }).state;
    const beats = [11, 12, 13].map((n) => NOW + n * HEARTBEAT_MS);
    expect(ticks(state, beats)).toEqual([['live', 'heartbeat'], ['live', 'heartbeat'], shut(4005)]);
  });

  test('a clock that is set, back or forward, changes nothing but how near the end of the token is', () => {
    const state = advance(states.live, { kind: 'frame', frame: { t: 'hb' }, now: NOW }).state;
    for (const wallNow of [NOW - 3_600_000, expiresAt - AUTH_SOON_MS - 1]) {
      expect(outcomeOf(state, tickAt(NOW + 1_000, { wallNow }))).toEqual(['live']);
    }
    expect(outcomeOf(state, tickAt(NOW + 1_000, { wallNow: expiresAt + AUTH_GRACE_MS }))).toEqual(shut(4403));
  });

  test('pings count like frames, also before hello', () => {
    let state: State = states.greeting;
    for (let n = 0; n < 30; n++) state = advance(state, { kind: 'control', now: NOW }).state;
    expect(outcomeOf(state, { kind: 'control', now: NOW })).toEqual(shut(4009));
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
