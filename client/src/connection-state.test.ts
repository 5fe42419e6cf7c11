import type { CommitItem, ServerFrame } from '@parley/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ConnectionEffect, ConnectionInput, ConnectionState, Phase } from './connection-model.ts';
import { advance, initialState, SILENCE_MS, wakeAt } from './connection-state.ts';
import { decodeFrame } from './decode-frame.ts';
import { helloFrame } from './outgoing.ts';
import { at, welcomeFrame } from './testing/simulated-gateway.ts';

const OTHER_EPOCH = '00000000-0000-4000-8000-000000000002';
const NOW = 1_000_000;
const moment = { now: NOW, chance: 0.5 };

const item = (seq: number): CommitItem => ({
  seq,
  events: [{ id: `e${seq}` }] as unknown as CommitItem['events'],
});

function run(
  state: ConnectionState,
  ...inputs: ConnectionInput[]
): { state: ConnectionState; effects: ConnectionEffect[] } {
  const effects: ConnectionEffect[] = [];
  let current = state;
  for (const input of inputs) {
    const step = advance(current, input);
    current = step.state;
    effects.push(...step.effects);
  }
  return { state: current, effects };
}

function frames(state: ConnectionState, ...list: ServerFrame[]) {
  const inputs = list.map((frame) => ({
    kind: 'frame' as const,
    generation: state.generation,
    frame,
    ...moment,
  }));
  return run(state, ...inputs);
}

function live(since: string | null = at(100)): ConnectionState {
  const state = run(
    initialState(),
    { kind: 'start', since, now: NOW },
    { kind: 'token', generation: 1, token: 'x', now: NOW },
    { kind: 'opened', generation: 1, now: NOW },
  ).state;
  return frames(state, welcomeFrame(since ?? at(100)), { t: 'live', position: since ?? at(100) }).state;
}

const ROOM = '0198c0de-0000-7000-8000-000000000001';

function followed(state: ConnectionState): ConnectionState {
  return run(state, { kind: 'follow', conversation: ROOM, from: 4, now: NOW }).state;
}

const delivered = (effects: readonly ConnectionEffect[]): number[] =>
  effects.flatMap((effect) =>
    effect.do === 'deliver' && effect.item.kind === 'commit' ? [effect.item.commit.seq] : [],
  );

describe('every phase × input', () => {
  type Name = Phase['name'];
  type Kind = ConnectionInput['kind'];
  const g = 1;
  const base = live();
  const phases: { [N in Name]: ConnectionState } = {
    idle: { ...initialState(), position: base.position },
    'fetching-token': { ...base, phase: { name: 'fetching-token' } },
    opening: { ...base, phase: { name: 'opening' } },
    greeting: { ...base, phase: { name: 'greeting' } },
    replaying: { ...base, phase: { name: 'replaying' } },
    live: base,
    waiting: { ...base, phase: { name: 'waiting', until: NOW + 10 } },
    paused: { ...base, phase: { name: 'paused' } },
    stopped: { ...base, phase: { name: 'stopped', fault: null } },
  };
  const inputs: { [K in Kind]: Extract<ConnectionInput, { kind: K }> } = {
    start: { kind: 'start', since: at(100), now: NOW },
    token: { kind: 'token', generation: g, token: 'x', now: NOW },
    'token-failed': { kind: 'token-failed', generation: g, ...moment },
    opened: { kind: 'opened', generation: g, now: NOW },
    frame: { kind: 'frame', generation: g, frame: { t: 'hb', position: at(100) }, ...moment },
    undecodable: { kind: 'undecodable', generation: g, ...moment },
    closed: { kind: 'closed', generation: g, code: 1006, reason: '', ...moment },
    tick: { kind: 'tick', now: NOW + SILENCE_MS, chance: 0.5 },
    full: { kind: 'full' },
    drained: { kind: 'drained', now: NOW },
    follow: { kind: 'follow', conversation: 'c', from: 4, now: NOW },
    unfollow: { kind: 'unfollow', conversation: 'c', now: NOW },
    typing: { kind: 'typing', conversation: 'c', on: true, now: NOW },
    presence: { kind: 'presence', presence: 'dnd', now: NOW },
    watch: { kind: 'watch', users: ['bob'], now: NOW },
    stop: { kind: 'stop' },
  };
  const table: { [N in Name]: { [K in Kind]: Name } } = {
    idle: row('idle', { start: 'fetching-token' }),
    'fetching-token': row('fetching-token', {
      token: 'opening',
      'token-failed': 'waiting',
      tick: 'waiting',
    }),
    opening: row('opening', { opened: 'greeting', tick: 'waiting' }),
    greeting: row('greeting', { tick: 'waiting' }),
    replaying: row('replaying', { tick: 'waiting' }),
    live: row('live', { tick: 'waiting' }),
    waiting: row('waiting', { tick: 'fetching-token' }),
    paused: row('paused', { drained: 'fetching-token' }),
    stopped: {
      start: 'stopped',
      token: 'stopped',
      'token-failed': 'stopped',
      opened: 'stopped',
      frame: 'stopped',
      undecodable: 'stopped',
      closed: 'stopped',
      tick: 'stopped',
      full: 'stopped',
      drained: 'stopped',
      follow: 'stopped',
      unfollow: 'stopped',
      typing: 'stopped',
      presence: 'stopped',
      watch: 'stopped',
      stop: 'stopped',
    },
  };

  function row(same: Name, differs: Partial<Record<Kind, Name>>): { [K in Kind]: Name } {
    return {
      start: same,
      token: same,
      'token-failed': same,
      opened: same,
      frame: same,
      undecodable: 'waiting',
      closed: 'waiting',
      tick: same,
      full: 'paused',
      drained: same,
      follow: same,
      unfollow: same,
      typing: same,
      presence: same,
      watch: same,
      stop: 'stopped',
      ...differs,
    };
  }

  // Nothing of a socket can reach a state that has none of its generation; these are asked with one all the same.
  const cells = Object.entries(table).flatMap(([name, outcomes]) =>
    Object.entries(outcomes).map(([kind, next]) => [name, kind, next] as [Name, Kind, Name]),
  );
  test.each(cells)('%s and %s gives %s', (name, kind, next) => {
    const state = { ...phases[name], generation: g };
    expect(advance(state, inputs[kind]).state.phase.name).toBe(next);
  });
});

const subject = { conversation: ROOM };
const samples: { [T in ServerFrame['t']]: Extract<ServerFrame, { t: T }> } = {
  welcome: welcomeFrame(at(100)) as Extract<ServerFrame, { t: 'welcome' }>,
  commit: { t: 'commit', ...item(101) },
  commits: { t: 'commits', items: [item(101), item(102)] },
  live: { t: 'live', position: at(101) },
  hb: { t: 'hb', position: at(101) },
  'sub-ok': { t: 'sub-ok', id: 2, ...subject, from: 4, head: 9 },
  'sub-commits': { t: 'sub-commits', ...subject, items: [item(7)] },
  'sub-live': { t: 'sub-live', ...subject, version: 4 },
  reset: { t: 'reset', reason: 'too-far', position: at(200) },
  revoked: { t: 'revoked', ...subject, reason: 'left' },
  typing: { t: 'typing', ...subject, user: 'bob', on: true, ttlMs: 6_000 },
  presence: { t: 'presence', user: 'bob', state: 'away' },
  presences: { t: 'presences', items: [{ user: 'bob', state: 'offline', lastSeen: 1 }] },
  'auth-soon': { t: 'auth-soon', inMs: 60_000 },
  'auth-ok': { t: 'auth-ok', expiresAt: 1 },
  drain: { t: 'drain', afterMs: [0, 10], reason: 'deploy' },
  error: { t: 'error', id: 1, code: 'not-found', detail: '' },
};

describe('every phase × frame', () => {
  type Type = ServerFrame['t'];
  type Doing = ConnectionEffect['do'];
  const base = followed(live());
  /** Phases in which a socket speaks. */
  const phases = {
    greeting: { ...base, phase: { name: 'greeting' } },
    replaying: { ...base, phase: { name: 'replaying' } },
    live: base,
  } as const satisfies Partial<Record<Phase['name'], ConnectionState>>;
  type Speaking = keyof typeof phases;
  const always = (next: Speaking | 'same', ...effects: Doing[]) => {
    const cell = (name: Speaking) => [next === 'same' ? name : next, effects] as const;
    return { greeting: cell('greeting'), replaying: cell('replaying'), live: cell('live') };
  };
  const table: { [T in Type]: { [N in Speaking]: readonly [Speaking, readonly Doing[]] } } = {
    // What was followed is asked for again once it is live.
    welcome: always('replaying'),
    commit: always('same', 'deliver'),
    commits: always('same', 'deliver', 'deliver'),
    live: always('live', 'moved'),
    hb: always('same', 'moved', 'send'),
    'sub-ok': always('same'),
    // Of a request that was not answered yet, so of an older one.
    'sub-commits': always('same'),
    'sub-live': always('same'),
    reset: always('same', 'deliver'),
    revoked: always('same', 'deliver'),
    typing: always('same', 'typing'),
    presence: always('same', 'presence'),
    presences: always('same', 'presence'),
    'auth-soon': always('same', 'get-token'),
    'auth-ok': always('same'),
    drain: always('same'),
    error: always('same', 'deliver'),
  };

  const cells = Object.entries(table).flatMap(([type, row]) =>
    Object.entries(row).map(([name, [next, effects]]) => ({
      type: type as Type,
      name: name as Speaking,
      next,
      effects,
    })),
  );
  test.each(cells)('$name and $type gives $next', ({ type, name, next, effects }) => {
    const { state, effects: done } = frames(phases[name], samples[type]);
    expect(state.phase.name).toBe(next);
    expect(done.map((effect) => effect.do)).toEqual(effects);
  });

  test('a frame about a request is for the connection that made it', () => {
    const cut = run(base, { kind: 'closed', generation: 1, code: 1006, reason: '', ...moment }).state;
    const old = { kind: 'frame', generation: 1, frame: samples.error, ...moment } as const;
    expect(run(cut, old).effects).toEqual([]);
    expect(cut.following.follows.size).toBe(1);
  });
});

describe('C1', () => {
  test('a commit is applied when its sequence is beyond the last, whatever the frames repeat or the cuts lose', () => {
    const streams = fc.array(fc.array(fc.integer({ min: 101, max: 140 }), { maxLength: 15 }), {
      maxLength: 8,
    });
    fc.assert(
      fc.property(streams, (chunks) => {
        const sorted = chunks.map((chunk) => chunk.toSorted((a, b) => a - b));
        const { effects } = frames(
          live(),
          ...sorted.map((chunk): ServerFrame => ({ t: 'commits', items: chunk.map(item) })),
        );
        const sequences = delivered(effects);
        expect(sequences).toEqual([...new Set(sequences)].toSorted((a, b) => a - b));
      }),
    );
  });

  test('a single commit counts like one of several', () => {
    const { state, effects } = frames(live(), { t: 'commit', ...item(105) }, { t: 'commit', ...item(105) });
    expect(delivered(effects)).toEqual([105]);
    expect(state.position?.sequence).toBe(105);
  });
});

describe('C3', () => {
  test('the position is that of the commit when it is handed over', () => {
    const { effects } = frames(live(), { t: 'commits', items: [item(104), item(109)] });
    expect(effects).toMatchObject([
      { do: 'deliver', item: { kind: 'commit', position: at(104) } },
      { do: 'deliver', item: { kind: 'commit', position: at(109) } },
    ]);
  });

  test('heartbeats and live move it forward and never back', () => {
    const { state, effects } = frames(live(), { t: 'hb', position: at(120) }, { t: 'hb', position: at(110) });
    expect(state.position?.sequence).toBe(120);
    expect(effects.filter((effect) => effect.do === 'moved')).toEqual([{ do: 'moved', position: at(120) }]);
    expect(effects.filter((effect) => effect.do === 'send')).toHaveLength(2);
  });

  test('the next connection asks for what follows it', () => {
    const { state } = frames(live(), { t: 'commits', items: [item(104)] });
    expect(helloFrame(state, 'x', 'phone')).toMatchObject({ t: 'hello', since: at(104), device: 'phone' });
    expect(helloFrame(initialState(), 'x')).toMatchObject({ since: null, feed: 'all', presence: 'active' });
    const bot = initialState({ feed: 'none', presence: 'invisible' });
    expect(helloFrame(bot, 'x')).toMatchObject({ feed: 'none', presence: 'invisible' });
  });
});

describe('C4', () => {
  test('nothing of an older socket is heard', () => {
    const cut = run(live(), { kind: 'closed', generation: 1, code: 4001, reason: '', ...moment });
    const late = frames({ ...cut.state, generation: 1 }, { t: 'commits', items: [item(101)] });
    expect(delivered(late.effects)).toEqual([101]);
    const old = run(cut.state, {
      kind: 'frame',
      generation: 1,
      frame: { t: 'commits', items: [item(101)] },
      ...moment,
    });
    expect(old).toEqual({ state: cut.state, effects: [] });
  });
});

describe('C5', () => {
  test('another log clears the position, and nothing is taken before the reset', () => {
    const greeted = frames(
      { ...live(), phase: { name: 'greeting' } },
      welcomeFrame(at(7, OTHER_EPOCH), OTHER_EPOCH),
    );
    expect(greeted.state.position).toBeNull();
    expect(frames(greeted.state, { t: 'commits', items: [item(8)] }).state.phase.name).toBe('waiting');
    const reset = frames(greeted.state, { t: 'reset', reason: 'epoch', position: at(7, OTHER_EPOCH) });
    expect(reset.effects).toEqual([
      { do: 'deliver', item: { kind: 'reset', reason: 'epoch', position: at(7, OTHER_EPOCH) } },
    ]);
    const { effects } = frames(reset.state, { t: 'commits', items: [item(8)] });
    expect(effects).toMatchObject([{ item: { position: at(8, OTHER_EPOCH) } }]);
  });

  test('a reset may go back', () => {
    const { state } = frames(live(), { t: 'reset', reason: 'unknown-position', position: at(50) });
    expect(state).toMatchObject({ position: { sequence: 50 }, freshness: 'loading' });
  });
});

describe('C6', () => {
  test('an undecodable frame ends the connection and moves nothing', () => {
    const before = live();
    const { state, effects } = run(before, { kind: 'undecodable', generation: 1, ...moment });
    expect(state.phase.name).toBe('waiting');
    expect(state.position).toEqual(before.position);
    expect(effects).toEqual([{ do: 'close' }]);
  });

  test.each([
    ['not JSON', '{'],
    ['not an object', '5'],
    ['null', 'null'],
    ['no type', '{}'],
    ['a commit without a sequence', '{"t":"commit","events":[{}]}'],
    ['a commit with an event that is none', '{"t":"commit","seq":1,"events":[null]}'],
    ['a replay without items', '{"t":"sub-commits","conversation":"c"}'],
    ['presences that are none', '{"t":"presences","items":[1]}'],
    ['commits with one broken item', '{"t":"commits","items":[{"seq":1,"events":[{}]},null]}'],
    ['binary', new Uint8Array()],
    ['a drain without a window', '{"t":"drain","reason":"deploy"}'],
    ['a drain of which one end is missing', '{"t":"drain","afterMs":[1],"reason":"deploy"}'],
    ['a heartbeat without a position', '{"t":"hb"}'],
    ['a welcome without a user', JSON.stringify({ ...samples.welcome, user: undefined })],
    [
      'an error whose pause is no number',
      '{"t":"error","code":"unavailable","detail":"","retryAfterMs":"5"}',
    ],
    ['a presence without a state', '{"t":"presences","items":[{"user":"bob"}]}'],
  ])('%s is undecodable', (_, data) => expect(decodeFrame(data)).toBeNull());

  test.each(Object.values(samples))('$t is decodable, also with fields that are not known here', (frame) => {
    const newer = { ...frame, weather: { in: 'Rome' } };
    expect(decodeFrame(JSON.stringify(newer))).toEqual(newer);
  });

  test('a frame of a known type, whatever it lacks or holds instead, is undecodable or does no harm', () => {
    const sample = fc.constantFrom(...Object.values(samples));
    const instead = fc.option(fc.jsonValue(), { nil: undefined });
    fc.assert(
      fc.property(sample, fc.nat(), instead, (frame, n, value) => {
        const fields = Object.keys(frame).filter((name) => name !== 't');
        const field = fields[n % fields.length] ?? '';
        const decoded = decodeFrame(JSON.stringify({ ...frame, [field]: value }));
        if (!decoded) return;
        const { state } = frames(followed(live()), decoded);
        expect(wakeAt(state)).not.toBeNaN();
        expect(state.userId).toBeTypeOf('string');
      }),
      { numRuns: 2_000 },
    );
  });

  test('an event or a frame of an unknown type is no fault', () => {
    const commit = '{"t":"commit","seq":101,"events":[{"type":"poll.opened","data":1}]}';
    const { effects } = frames(live(), decodeFrame(commit) as ServerFrame);
    expect(effects).toMatchObject([{ item: { commit: { events: [{ type: 'poll.opened' }] } } }]);
    const strange = decodeFrame('{"t":"weather"}') as ServerFrame;
    expect(frames(live(), strange)).toMatchObject({ effects: [], state: { phase: { name: 'live' } } });
  });
});

describe('C8', () => {
  test('loading until live, fresh while live, stale after', () => {
    expect(initialState().freshness).toBe('loading');
    expect(live().freshness).toBe('fresh');
    const lost = run(live(), { kind: 'closed', generation: 1, code: 1006, reason: '', ...moment });
    expect(lost.state.freshness).toBe('stale');
    const never = run(
      initialState(),
      { kind: 'start', since: null, now: NOW },
      { kind: 'token-failed', generation: 1, ...moment },
    );
    expect(never.state.freshness).toBe('loading');
  });
});

describe('coming back', () => {
  const lose = (state: ConnectionState, chance: number): ConnectionState =>
    run(state, { kind: 'closed', generation: state.generation, code: 1006, reason: '', now: NOW, chance })
      .state;
  const waitOf = (state: ConnectionState): number =>
    state.phase.name === 'waiting' ? state.phase.until - NOW : -1;

  test('waits with full jitter, the first time too, and at most 20 s', () => {
    expect(waitOf(lose(live(), 0))).toBe(0);
    expect(waitOf(lose(live(), 0.999))).toBeCloseTo(499.5);
    let state = live();
    const waits = Array.from({ length: 9 }, () => {
      state = lose(state, 0.999_999);
      return Math.round(waitOf(state));
    });
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000, 20_000]);
  });

  test('being live for 10 s starts the count again, being let go at once does not', () => {
    const replaying = { ...live(), attempt: 3, phase: { name: 'replaying' } as const };
    const tired = frames(replaying, { t: 'live', position: at(100) }).state;
    const lostAfter = (ms: number) => {
      const closed = {
        kind: 'closed',
        generation: 1,
        code: 4008,
        reason: '',
        now: NOW + ms,
        chance: 1,
      } as const;
      return waitOf(run(tired, closed).state) - ms;
    };
    expect([lostAfter(0), lostAfter(9_999), lostAfter(10_000)]).toEqual([4_000, 4_000, 500]);
  });

  test.each([
    [4000, 'waiting'],
    [4003, 'waiting'],
    [4403, 'waiting'],
    [4404, 'waiting'],
    [1006, 'waiting'],
    [4010, 'stopped'],
    [4500, 'stopped'],
    [4501, 'stopped'],
    [4502, 'stopped'],
    [4503, 'stopped'],
    [4504, 'stopped'],
    // In the place of a code: the URL is none.
    [0, 'stopped'],
  ])('close code %i means %s', (code, phase) => {
    const { state, effects } = run(live(), { kind: 'closed', generation: 1, code, reason: 'r', ...moment });
    expect(state.phase.name).toBe(phase);
    if (phase === 'stopped') expect(effects.at(-1)).toEqual({ do: 'ended', fault: { code, reason: 'r' } });
    else
      expect(run(state, { kind: 'tick', now: NOW + 20_000, chance: 0 }).effects).toMatchObject([
        { do: 'get-token' },
      ]);
  });

  test('35 s of silence are the end of a connection, any frame before is not', () => {
    const heard = frames(live(), { t: 'hb', position: at(100) }).state;
    expect(wakeAt(heard)).toBe(NOW + SILENCE_MS);
    expect(run(heard, { kind: 'tick', now: NOW + SILENCE_MS - 1, chance: 0 }).state.phase.name).toBe('live');
    expect(run(heard, { kind: 'tick', now: NOW + SILENCE_MS, chance: 0 }).effects).toEqual([{ do: 'close' }]);
  });

  test('a token that does not come in 35 s is asked for anew, and the old one is no longer heard', () => {
    const start = { kind: 'start', since: null, now: NOW } as const;
    const { state } = run(initialState(), start);
    expect(wakeAt(state)).toBe(NOW + SILENCE_MS);
    const given = run(state, { kind: 'tick', now: NOW + SILENCE_MS, chance: 0 });
    expect(given.state.phase).toEqual({ name: 'waiting', until: NOW + SILENCE_MS });
    const late = run(given.state, { kind: 'token', generation: 1, token: 'x', now: NOW + SILENCE_MS });
    expect([late.state, late.effects]).toEqual([given.state, []]);
    expect(run(given.state, { kind: 'tick', now: NOW + SILENCE_MS, chance: 0 }).effects).toEqual([
      { do: 'get-token', generation: 3 },
    ]);
  });

  test('a drain is followed within its window, at once and without waiting', () => {
    const asked = frames(live(), { t: 'drain', afterMs: [1_000, 3_000], reason: 'deploy' }).state;
    expect(wakeAt(asked)).toBe(NOW + 2_000);
    const { state, effects } = run(asked, { kind: 'tick', now: NOW + 2_000, chance: 0.5 });
    expect(effects).toEqual([{ do: 'close' }, { do: 'get-token', generation: 2 }]);
    expect(state.attempt).toBe(0);
  });

  test('a token that ends soon is renewed on the same socket', () => {
    const { effects, state } = frames(live(), { t: 'auth-soon', inMs: 60_000 });
    expect(effects).toEqual([{ do: 'get-token', generation: 1 }]);
    const renewed = run(state, { kind: 'token', generation: 1, token: 'y', now: NOW });
    expect(renewed.effects).toEqual([{ do: 'send', frame: { t: 'auth', token: 'y' } }]);
  });

  describe('a renewal of the token', () => {
    const asked = frames(live(), { t: 'auth-soon', inMs: 60_000 }).state;
    /** Everything stays heard, so that only the renewal is due. */
    const tickAt = (state: ConnectionState, now: number) =>
      run({ ...state, heardAt: now }, { kind: 'tick', now, chance: 0.5 });
    const failAt = (state: ConnectionState, now: number) =>
      run(state, { kind: 'token-failed', generation: 1, now, chance: 0.5 }).state;

    test('that fails or does not come is made again until the token ends', () => {
      const failed = failAt(asked, NOW + 10);
      expect(wakeAt(failed)).toBe(NOW + 3_010);
      expect(tickAt(failed, NOW + 3_009).effects).toEqual([]);
      const again = tickAt(failed, NOW + 3_010);
      expect(again.effects).toEqual([{ do: 'get-token', generation: 1 }]);
      expect(again.state.phase.name).toBe('live');
      expect(tickAt(again.state, NOW + 18_010).effects).toEqual([{ do: 'get-token', generation: 1 }]);
      expect(tickAt(failAt(again.state, NOW + 59_000), NOW + 62_000).effects).toEqual([]);
    });

    const token = { kind: 'token', generation: 1, token: 'y', now: NOW } as const;

    test('that the gateway cannot check now is made again, not before it says, until it is confirmed', () => {
      const away = { t: 'error', code: 'unavailable', detail: '', retryAfterMs: 2_000 } as const;
      const sent = run(asked, token).state;
      const put = frames(sent, away).state;
      expect(wakeAt(put)).toBe(NOW + 4_000);
      const again = tickAt(put, NOW + 4_000);
      expect(again.effects).toEqual([{ do: 'get-token', generation: 1 }]);
      const confirmed = frames(run(again.state, token).state, { t: 'auth-ok', expiresAt: 1 }).state;
      expect(confirmed.renewal).toBeNull();
      expect(frames(confirmed, away)).toEqual({ state: confirmed, effects: [] });
    });

    test('that the gateway does not answer is made again', () => {
      const sent = run(asked, { ...token, now: NOW + 10_000 }).state;
      expect(tickAt(sent, NOW + 24_999).effects).toEqual([]);
      expect(tickAt(sent, NOW + 25_000).effects).toEqual([{ do: 'get-token', generation: 1 }]);
    });

    test('is over with its confirmation, and with the connection', () => {
      const confirmed = frames(run(asked, token).state, { t: 'auth-ok', expiresAt: 1 }).state;
      expect(tickAt(confirmed, NOW + 15_000).effects).toEqual([]);
      const lost = run(asked, { kind: 'closed', generation: 1, code: 1006, reason: '', ...moment }).state;
      const next = run(lost, { kind: 'tick', now: NOW + 20_000, chance: 0 }).state;
      expect(next).toMatchObject({ phase: { name: 'fetching-token' }, renewal: null });
    });
  });

  test('a consumer that is behind pauses the connection, and goes on from the last commit it was given', () => {
    const { state } = run(frames(live(), { t: 'commits', items: [item(150)] }).state, { kind: 'full' });
    expect(wakeAt(state)).toBeNull();
    const back = run(state, { kind: 'drained', now: NOW });
    expect(back.effects).toMatchObject([{ do: 'get-token' }]);
    expect(helloFrame(back.state, 'x')).toMatchObject({ since: at(150) });
  });
});
