import { type OwnPresence, ownPresenceSchema } from '@parley/contracts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isSeen, type LeaseWrite, OwnLeases } from './own-leases.ts';

const times = { ttlMs: 45_000, renewMs: 15_000, graceMs: 5_000, seenMs: 60_000 };
const kinds = (writes: readonly LeaseWrite[]) =>
  writes.map(({ connection, state, kind }) => [connection, state, kind]);

test('a lease is written when it is new, when it changes, and then to renew it', () => {
  const own = new OwnLeases(times);
  own.hold('c1', 'ann', 'active');
  expect(kinds(own.take(0, 10))).toEqual([['c1', 'active', 'changed']]);
  expect(own.take(14_999, 10)).toEqual([]);
  expect(kinds(own.take(15_000, 10))).toEqual([['c1', 'active', 'renewed']]);
  own.change('c1', 'active');
  expect(own.take(16_000, 10)).toEqual([]);
  own.change('c1', 'dnd');
  expect(kinds(own.take(16_000, 10))).toEqual([['c1', 'dnd', 'changed']]);
  own.change('unknown', 'away');
  expect(own.take(16_000, 10)).toEqual([]);
});

test('a released lease is written once, with its state and a short life, and never renewed', () => {
  const own = new OwnLeases(times);
  own.hold('c1', 'ann', 'away');
  own.take(0, 10);
  own.release('c1', 100);
  own.release('c1', 200);
  const writes = own.take(300, 10);
  expect(writes).toMatchObject([{ connection: 'c1', state: 'away', kind: 'released', at: 100 }]);
  expect(writes.map((write) => own.ttlMs(write))).toEqual([5_000]);
  expect(own.take(100_000, 10)).toEqual([]);
});

test('a renewal says that the user was seen only now and then, a change always', () => {
  const own = new OwnLeases(times);
  own.hold('c1', 'ann', 'active');
  const marks = (at: number) => own.take(at, 10).map(({ marksSeen }) => marksSeen);
  expect([0, 15_000, 30_000, 45_000, 60_000, 75_000].flatMap(marks)).toEqual([
    true,
    false,
    false,
    false,
    true,
    false,
  ]);
  own.change('c1', 'away');
  expect(marks(76_000)).toEqual([true]);
});

test('a store that came back is given everything again, in bounded batches', () => {
  const own = new OwnLeases(times);
  for (let i = 0; i < 25; i++) own.hold(`c${i}`, 'ann', 'active');
  expect(own.take(0, 100)).toHaveLength(25);
  own.renewAll();
  expect([10, 10, 10].map((limit) => own.take(1, limit).length)).toEqual([10, 10, 5]);
});

test('what is held here and not stored yet counts; what is stored changes by being written', () => {
  const own = new OwnLeases(times);
  const stored = [{ id: 'c0', value: 'away', leftMs: 1 }];
  own.hold('c1', 'ann', 'active');
  expect(own.withOwn('ann', stored)).toEqual([...stored, { id: 'c1', value: 'active', leftMs: 45_000 }]);
  expect(own.withOwn('bob', stored)).toEqual(stored);
  const both = [...stored, { id: 'c1', value: 'active', leftMs: 1 }];
  own.change('c1', 'dnd');
  expect(own.withOwn('ann', both)).toEqual(both);
  own.hold('c2', 'ann', 'invisible');
  expect(own.withOwn('ann', stored)).toEqual(stored);
  own.release('c2', 0);
  own.release('c1', 0);
  expect(own.withOwn('ann', [])).toEqual([]);
  expect([...own.users()]).toEqual([]);
});

test('who could not be marked as seen is with the next renewal', () => {
  const own = new OwnLeases(times);
  own.hold('c1', 'ann', 'active');
  own.seenLater(own.take(1_000, 10));
  expect(own.take(16_000, 10).map(({ kind, marksSeen }) => [kind, marksSeen])).toEqual([['renewed', true]]);
});

test('what was let go during a long outage has ended by itself', () => {
  const own = new OwnLeases(times);
  own.hold('c1', 'ann', 'active');
  own.release('c1', 0);
  own.putBack(own.take(0, 10), 1_000);
  const again = own.take(44_000, 10);
  expect(kinds(again)).toEqual([['c1', 'active', 'released']]);
  own.putBack(again, 45_000);
  expect(own.take(45_000, 10)).toEqual([]);
});

test('whatever fails on the way, in the end the store holds what the sockets say', () => {
  const connection = fc.constantFrom('c1', 'c2', 'c3');
  const step = fc.oneof(
    fc.record({
      do: fc.constant('hold' as const),
      connection,
      state: fc.constantFrom(...ownPresenceSchema.options),
    }),
    fc.record({ do: fc.constant('release' as const), connection }),
    fc.record({ do: fc.constant('take' as const), limit: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ do: fc.constant('answer' as const), stored: fc.boolean() }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const own = new OwnLeases(times);
      const sockets = new Map<string, OwnPresence>();
      const store = new Map<string, { state: OwnPresence; released: boolean }>();
      let flying: LeaseWrite[] | null = null;
      let now = 0;
      const answer = (stored: boolean): void => {
        for (const { connection, state, kind } of stored ? (flying ?? []) : []) {
          store.set(connection, { state, released: kind === 'released' });
        }
        if (!stored) own.putBack(flying ?? [], now);
        flying = null;
      };
      for (const next of steps) {
        now += 10;
        if (next.do === 'hold') {
          sockets.set(next.connection, next.state);
          own.hold(next.connection, 'ann', next.state);
        } else if (next.do === 'release') {
          sockets.delete(next.connection);
          own.release(next.connection, now);
        } else if (next.do === 'take') flying ??= own.take(now, next.limit);
        else answer(next.stored);
      }
      answer(true);
      for (flying = own.take(now, 2); flying.length > 0; flying = own.take(now, 2)) answer(true);
      const held = [...store].filter(([, lease]) => !lease.released).map(([id, lease]) => [id, lease.state]);
      expect(new Map(held as [string, OwnPresence][])).toEqual(sockets);
    }),
  );
});

test.each<[string, OwnPresence[], OwnPresence, boolean]>([
  ['comes', [], 'active', true],
  ['comes invisible', [], 'invisible', false],
  ['becomes invisible', ['active'], 'invisible', true],
  ['stays invisible', ['invisible'], 'invisible', false],
  ['is invisible elsewhere', ['away', 'invisible'], 'dnd', false],
  ['is not invisible any more', ['invisible'], 'away', true],
])('who %s is seen by others: states %j, then %s', (_, before, state, expected) => {
  const leases = before.map((value, index) => ({ id: `c${index}`, value, leftMs: 1 }));
  const write = { connection: 'c0', userId: 'ann', state, kind: 'changed', marksSeen: true, at: 0 } as const;
  expect(isSeen(leases, [write])).toBe(expected);
});
