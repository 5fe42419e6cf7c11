import type { ClientFrame } from '@parley/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ConnectionInput } from './connection-model.ts';
import { SILENCE_MS, wakeAt } from './connection-state.ts';
import { SimulatedGateway } from './testing/simulated-gateway.ts';

function live(): SimulatedGateway {
  const gateway = new SimulatedGateway([]);
  gateway.settle();
  gateway.received.length = 0;
  return gateway;
}

const said = (gateway: SimulatedGateway): ClientFrame[] => gateway.received.splice(0);

type Wish = Extract<ConnectionInput, { now: number }>;
type Bare<T> = T extends Wish ? Omit<T, 'now'> : never;

function wish(gateway: SimulatedGateway, input: Bare<Wish>): void {
  gateway.take({ ...input, now: gateway.now } as Wish);
}

describe('typing', () => {
  const type = (gateway: SimulatedGateway, on: boolean): ClientFrame[] => {
    wish(gateway, { kind: 'typing', conversation: 'c', on });
    return said(gateway);
  };

  test('is said at most every 3 s, and its end once', () => {
    const gateway = live();
    expect(type(gateway, false)).toEqual([]);
    expect(type(gateway, true)).toEqual([{ t: 'typing', conversation: 'c', on: true }]);
    expect(type(gateway, true)).toEqual([]);
    gateway.pass(2_999);
    expect(type(gateway, true)).toEqual([]);
    gateway.pass(1);
    expect(type(gateway, true)).toHaveLength(1);
    expect(type(gateway, false)).toEqual([{ t: 'typing', conversation: 'c', on: false }]);
    expect(type(gateway, false)).toEqual([]);
    expect(type(gateway, true)).toHaveLength(1);
  });

  test('is lost while there is no connection, and begins anew on the next', () => {
    const gateway = live();
    expect(type(gateway, true)).toHaveLength(1);
    gateway.cut();
    expect(type(gateway, true)).toEqual([]);
    gateway.settle();
    said(gateway);
    expect(type(gateway, true)).toHaveLength(1);
  });
});

test('what is typed never takes what is left for requests', () => {
  const gateway = live();
  for (let n = 0; n < 40; n++) wish(gateway, { kind: 'typing', conversation: `c${n}`, on: true });
  expect(said(gateway)).toHaveLength(16);
  wish(gateway, { kind: 'follow', conversation: 'a', from: 'head' });
  wish(gateway, { kind: 'watch', users: ['bob'] });
  expect(said(gateway).map((frame) => frame.t)).toEqual(['sub', 'watch']);
});

describe('presence', () => {
  test('is in the first frame, so that one who is invisible is never seen', () => {
    const gateway = live();
    wish(gateway, { kind: 'presence', presence: 'invisible' });
    expect(said(gateway)).toEqual([{ t: 'presence', state: 'invisible' }]);
    wish(gateway, { kind: 'presence', presence: 'invisible' });
    expect(said(gateway)).toEqual([]);
    gateway.cut();
    gateway.settle();
    expect(said(gateway)).toMatchObject([{ t: 'hello', presence: 'invisible' }]);
  });

  test('who is watched is said again on every connection, the newest set only', () => {
    const gateway = live();
    wish(gateway, { kind: 'watch', users: ['bob'] });
    gateway.cut();
    wish(gateway, { kind: 'watch', users: ['cat', 'dan'] });
    said(gateway);
    gateway.settle();
    expect(said(gateway)).toMatchObject([{ t: 'hello' }, { t: 'watch', users: ['cat', 'dan'] }]);
    wish(gateway, { kind: 'watch', users: [] });
    expect(said(gateway)).toMatchObject([{ t: 'watch', users: [] }]);
    gateway.cut();
    gateway.settle();
    expect(said(gateway)).toMatchObject([{ t: 'hello' }]);
  });
});

describe('following', () => {
  const follow = (gateway: SimulatedGateway, conversation: string, from: number | 'head' = 'head'): void =>
    wish(gateway, { kind: 'follow', conversation, from });

  test('many are asked for 20 at once and then 2 a second, and all in the end', () => {
    const gateway = live();
    for (let n = 0; n < 60; n++) follow(gateway, `c${n}`);
    expect(said(gateway).map((frame) => frame.t)).toEqual(Array.from({ length: 20 }, () => 'sub'));
    expect(wakeAt(gateway.state)).toBeLessThanOrEqual(gateway.now + 501);
    gateway.pass(10_000);
    expect(said(gateway)).toHaveLength(20);
    gateway.cut();
    gateway.settle();
    const asked = said(gateway).flatMap((frame) => (frame.t === 'sub' ? [frame.conversation] : []));
    expect(new Set(asked).size).toBe(60);
    expect(asked).toHaveLength(60);
  });

  test('what was wanted before the first connection is paced as well', () => {
    const gateway = new SimulatedGateway([]);
    for (let n = 0; n < 60; n++) follow(gateway, `c${n}`);
    gateway.pump(2);
    expect(said(gateway).map((frame) => frame.t)).toEqual([
      'hello',
      ...Array.from({ length: 20 }, () => 'sub'),
    ]);
  });

  test('ends are said before beginnings, and only of what the server knows', () => {
    const gateway = live();
    follow(gateway, 'a');
    follow(gateway, 'b');
    gateway.settle();
    said(gateway);
    wish(gateway, { kind: 'unfollow', conversation: 'a' });
    expect(said(gateway)).toMatchObject([{ t: 'unsub', conversation: 'a' }]);
    gateway.cut();
    wish(gateway, { kind: 'unfollow', conversation: 'b' });
    follow(gateway, 'c', 7);
    gateway.settle();
    expect(said(gateway)).toMatchObject([{ t: 'hello' }, { t: 'sub', conversation: 'c', from: 7 }]);
  });

  test('what a new connection was not asked for is not ended on it', () => {
    const gateway = live();
    follow(gateway, 'a');
    gateway.settle();
    gateway.cut();
    gateway.pass(20_000);
    gateway.pump(1);
    wish(gateway, { kind: 'unfollow', conversation: 'a' });
    said(gateway);
    gateway.settle();
    expect(said(gateway)).toEqual([]);
  });

  test('what comes of an older request before the newer one is answered is left to its replay', () => {
    const gateway = live();
    for (let n = 0; n < 3; n++) gateway.write('a');
    follow(gateway, 'a', 0);
    gateway.queue.length = 0;
    gateway.write('a');
    follow(gateway, 'a', 0);
    gateway.pump();
    expect(gateway.items.map((item) => item.kind)).toEqual([
      'followed',
      'followed',
      'followed',
      'followed',
      'follow-live',
    ]);
  });

  test('a replay that ends too early is asked for again, and then told', () => {
    const gateway = live();
    for (let n = 0; n < 3; n++) gateway.write('a');
    follow(gateway, 'a', 0);
    for (let n = 0; n < 2; n++) {
      const short = gateway.queue.splice(0).filter((frame) => frame.t !== 'sub-commits');
      expect(gateway.items).toEqual([]);
      for (const frame of short) gateway.arrive(frame);
    }
    expect(gateway.items).toMatchObject([
      { kind: 'reset', reason: 'continuity', conversation: 'a' },
      { kind: 'follow-live', version: 3 },
    ]);
    expect(said(gateway)).toMatchObject([{ from: 0 }, { from: 0 }]);
  });

  test('a refusal is handed out once and not asked again; one that may pass is asked again later', () => {
    const gateway = live();
    follow(gateway, 'a');
    follow(gateway, 'b');
    const [a, b] = said(gateway).map((frame) => ('id' in frame ? frame.id : -1));
    gateway.queue.length = 0;
    gateway.arrive({ t: 'error', id: a ?? -1, code: 'banned', detail: 'until tomorrow' });
    gateway.arrive({ t: 'error', id: b ?? -1, code: 'unavailable', detail: '', retryAfterMs: 4_000 });
    gateway.arrive({ t: 'error', id: 999, code: 'forbidden', detail: '' });
    expect(gateway.items).toEqual([
      expect.objectContaining({
        kind: 'follow-refused',
        conversation: 'a',
        code: 'banned',
        detail: 'until tomorrow',
      }),
    ]);
    gateway.pass(3_999);
    expect(said(gateway)).toEqual([]);
    gateway.pass(1_000);
    expect(said(gateway)).toMatchObject([{ t: 'sub', conversation: 'b' }]);
    gateway.cut();
    gateway.settle();
    expect(said(gateway)).toMatchObject([{ t: 'hello' }, { t: 'sub', conversation: 'b' }]);
  });

  test('an error of a code that this build does not know is a refusal', () => {
    const gateway = live();
    follow(gateway, 'a');
    const code = 'full-moon' as 'forbidden';
    gateway.queue.length = 0;
    gateway.arrive({ t: 'error', id: 1, code, detail: '' });
    expect(gateway.items).toMatchObject([{ kind: 'follow-refused', code }]);
  });

  test('what an older request still says is not taken for the answer to the newer one', () => {
    const gateway = live();
    gateway.write('a');
    gateway.write('a');
    follow(gateway, 'a', 0);
    const older = gateway.queue.splice(0);
    follow(gateway, 'a', 1);
    for (const frame of older) gateway.arrive(frame);
    expect(gateway.items).toEqual([]);
    gateway.pump();
    expect(gateway.items.map((item) => item.kind)).toEqual(['followed', 'follow-live']);
  });

  test('a replay with a hole is asked for again from there, and then told', () => {
    const gateway = live();
    for (let n = 0; n < 4; n++) gateway.write('a');
    follow(gateway, 'a', 0);
    const replay = gateway.queue.splice(0);
    const broken = replay.filter((_, n) => n !== 2);
    for (const frame of broken) gateway.arrive(frame);
    expect(said(gateway)).toMatchObject([{ from: 0 }, { from: 1 }]);
    for (const frame of gateway.queue.splice(0)) if (frame.t === 'sub-ok') gateway.arrive(frame);
    for (const frame of broken.slice(1)) gateway.arrive(frame);
    expect(gateway.items.map((item) => item.kind)).toEqual([
      'followed',
      'reset',
      'followed',
      'followed',
      'follow-live',
    ]);
    expect(gateway.items[1]).toMatchObject({ reason: 'continuity', conversation: 'a' });
  });

  test('a position that the server does not know is a reset of that conversation, which then goes on', () => {
    const gateway = live();
    follow(gateway, 'a', 500);
    gateway.queue.length = 0;
    const { position } = { position: `${gateway.state.position?.epoch}:9` };
    gateway.arrive({ t: 'reset', reason: 'unknown-position', position, conversation: 'a' });
    gateway.arrive({ t: 'sub-live', conversation: 'a', version: 9 });
    expect(gateway.items).toMatchObject([
      { kind: 'reset', reason: 'unknown-position', conversation: 'a' },
      { kind: 'follow-live', version: 9 },
    ]);
    gateway.cut();
    gateway.settle();
    expect(said(gateway).findLast((frame) => frame.t === 'sub')).toMatchObject({ from: 9 });
  });

  test('a visitor who joins goes on without it; what they missed before is a reset', () => {
    const gateway = live();
    gateway.write('a');
    follow(gateway, 'a', 0);
    gateway.settle();
    const join = (seq: number, version: number) => ({
      t: 'commit' as const,
      seq,
      events: [
        {
          type: 'members.added',
          subject: 'conversation/a',
          version,
          data: { members: [{ userId: 'ann' }], via: 'join', ordinal: 0 },
        },
      ] as never,
    });
    gateway.arrive(join(2, 2));
    expect(gateway.items.map((item) => item.kind)).toEqual(['followed', 'follow-live', 'commit']);
    gateway.arrive({ t: 'revoked', conversation: 'a', reason: 'left' });
    gateway.cut();
    said(gateway);
    gateway.settle();
    expect(said(gateway)).toMatchObject([{ t: 'hello' }]);
    follow(gateway, 'a', 2);
    gateway.queue.length = 0;
    gateway.arrive(join(9, 9));
    expect(gateway.items.slice(3).map((item) => item.kind)).toEqual(['revoked', 'reset', 'commit']);
    gateway.arrive({ t: 'sub-live', conversation: 'a', version: 5 });
    expect(gateway.items).toHaveLength(6);
    gateway.cut();
    gateway.settle();
    expect(said(gateway).at(-1)).toMatchObject({ t: 'sub', conversation: 'a', from: 9 });
  });
});

test('whatever is asked for, the frames of one connection stay within what the server allows', () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('follow' as const),
      conversation: fc.integer({ max: 99, min: 0 }).map(String),
      from: fc.constant('head' as const),
    }),
    fc.record({
      kind: fc.constant('unfollow' as const),
      conversation: fc.integer({ max: 99, min: 0 }).map(String),
    }),
    fc.record({
      kind: fc.constant('typing' as const),
      conversation: fc.integer({ max: 99, min: 0 }).map(String),
      on: fc.boolean(),
    }),
    fc.record({
      kind: fc.constant('presence' as const),
      presence: fc.constantFrom('away' as const, 'active' as const),
    }),
    fc.record({ kind: fc.constant('watch' as const), users: fc.constant(['bob']) }),
    fc.record({ pass: fc.integer({ min: 0, max: 4_000 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const gateway = live();
      let allowed = 29;
      let sent = 0;
      for (const each of steps) {
        if ('pass' in each) {
          gateway.pass(each.pass);
          gateway.heartbeat();
          gateway.pump();
          allowed += (each.pass / 1_000) * 2;
        } else wish(gateway, each);
        sent += said(gateway).filter((frame) => frame.t !== 'hb').length;
        expect(sent).toBeLessThanOrEqual(allowed);
        expect(wakeAt(gateway.state)).toBeLessThanOrEqual(gateway.now + SILENCE_MS);
      }
    }),
  );
});
