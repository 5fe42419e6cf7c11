import type { ServerFrame } from '@parley/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SubscriptionItem } from './connection-model.ts';
import { at, commitOf, SimulatedGateway, welcomeFrame } from './testing/simulated-gateway.ts';
import { beginsMembership, spanOf } from './version-track.ts';

const [MINE, OTHER, PUBLIC] = ['mine', 'other', 'public'];

const sequencesOf = (items: readonly SubscriptionItem[]): number[] =>
  items.flatMap((item) => (item.kind === 'commit' ? [item.commit.seq] : []));

/** Versions of one conversation, in the order in which the consumer got them. */
const versionsOf = (items: readonly SubscriptionItem[], conversation: string): number[] =>
  items.flatMap((item) => {
    const span = item.kind === 'commit' || item.kind === 'followed' ? spanOf(item.commit) : null;
    return span?.conversation === conversation ? [span.first, span.last] : [];
  });

function gatewayAt(...written: string[]): SimulatedGateway {
  const gateway = new SimulatedGateway([MINE, OTHER]);
  for (const conversation of written) gateway.write(conversation);
  gateway.settle();
  return gateway;
}

describe('C2', () => {
  test('a hole in the feed is filled by resuming from before it', () => {
    const gateway = gatewayAt(MINE, OTHER);
    gateway.write(MINE);
    gateway.queue.length = 0;
    gateway.write(MINE);
    gateway.pump();
    expect(gateway.state).toMatchObject({ phase: { name: 'waiting' }, position: { sequence: 2 } });
    gateway.settle();
    expect(sequencesOf(gateway.items)).toEqual([1, 2, 3, 4]);
    expect(gateway.items.every((item) => item.kind === 'commit')).toBe(true);
  });

  test('the same hole again is a reset of that conversation, and then it goes on', () => {
    const gateway = gatewayAt(MINE, OTHER);
    const beyond: ServerFrame = { t: 'commits', items: [commitOf(7, MINE, 5)] };
    gateway.arrive(beyond);
    gateway.pass(20_000);
    gateway.pump();
    gateway.arrive(beyond);
    gateway.arrive({ t: 'commits', items: [commitOf(8, MINE, 6), commitOf(9, OTHER, 2)] });
    expect(gateway.items.slice(2)).toEqual([
      { kind: 'reset', position: at(2), reason: 'continuity', conversation: MINE },
      { kind: 'commit', position: at(7), commit: commitOf(7, MINE, 5) },
      { kind: 'commit', position: at(8), commit: commitOf(8, MINE, 6) },
      { kind: 'commit', position: at(9), commit: commitOf(9, OTHER, 2) },
    ]);
    expect(gateway.state.phase.name).toBe('live');
  });

  test('what has no versions, cursors and the own events of the user, is never a hole', () => {
    const gateway = gatewayAt(MINE);
    const reads = { seq: 5, events: [{ id: 'r', type: 'cursors.advanced', subject: 'reads/00', data: {} }] };
    gateway.arrive({ t: 'commit', ...reads } as unknown as ServerFrame);
    expect(sequencesOf(gateway.items)).toEqual([1, 5]);
  });

  test('versions that were handed out are not handed out again under another sequence', () => {
    const gateway = gatewayAt(MINE, MINE);
    gateway.arrive({ t: 'commits', items: [commitOf(9, MINE, 2), commitOf(10, MINE, 3)] });
    expect(versionsOf(gateway.items, MINE)).toEqual([1, 1, 2, 2, 3, 3]);
    expect(gateway.state.position?.sequence).toBe(10);
  });

  test('a commit that makes the user a member starts the count anew, revoked forgets it', () => {
    const joining = (seq: number, version: number, userId: string): ServerFrame => {
      const { events } = commitOf(seq, MINE, version);
      const type = 'members.added';
      const data = { members: [{ userId, role: 'member' }], via: 'add', ordinal: 0 };
      return { t: 'commit', seq, events: events.map((event) => ({ ...event, type, data })) } as ServerFrame;
    };
    const gateway = gatewayAt(MINE);
    gateway.arrive(joining(20, 30, 'ann'));
    gateway.arrive({ t: 'commit', ...commitOf(21, MINE, 31) });
    expect(sequencesOf(gateway.items)).toEqual([1, 20, 21]);
    gateway.arrive({ t: 'revoked', conversation: MINE, reason: 'left' });
    gateway.arrive({ t: 'commit', ...commitOf(40, MINE, 90) });
    expect(sequencesOf(gateway.items)).toEqual([1, 20, 21, 40]);
    gateway.arrive(joining(41, 99, 'somebody else'));
    expect(gateway.state.phase.name).toBe('waiting');
  });

  test('after a reset of everything nothing is a hole', () => {
    const gateway = gatewayAt(MINE);
    gateway.arrive({ t: 'reset', reason: 'too-far', position: at(500) });
    gateway.arrive({ t: 'commit', ...commitOf(501, MINE, 77) });
    expect(gateway.items.map((item) => item.kind)).toEqual(['commit', 'reset', 'commit']);
  });

  test('a reset that names a conversation concerns that one alone', () => {
    const gateway = gatewayAt(MINE, OTHER);
    gateway.arrive({ t: 'reset', reason: 'continuity', position: at(500), conversation: MINE });
    expect(gateway.items.at(-1)).toEqual({
      kind: 'reset',
      position: at(2),
      reason: 'continuity',
      conversation: MINE,
    });
    expect(gateway.state).toMatchObject({ position: { sequence: 2 }, freshness: 'fresh' });
    gateway.arrive({ t: 'commits', items: [commitOf(501, MINE, 77)] });
    expect(gateway.state.phase.name).toBe('live');
    gateway.arrive({ t: 'commits', items: [commitOf(502, OTHER, 77)] });
    expect(gateway.state.phase.name).toBe('waiting');
  });
});

test('in another log what was followed goes on from its head, since versions of the old one mean nothing', () => {
  const gateway = gatewayAt(PUBLIC, PUBLIC);
  gateway.take({ kind: 'follow', conversation: PUBLIC, from: 1, now: gateway.now });
  gateway.settle();
  gateway.cut();
  gateway.pass(20_000);
  const epoch = '00000000-0000-4000-8000-000000000002';
  gateway.queue.length = 0;
  gateway.arrive(welcomeFrame(at(1, epoch), epoch));
  gateway.arrive({ t: 'reset', reason: 'epoch', position: at(1, epoch) });
  gateway.arrive({ t: 'live', position: at(1, epoch) });
  expect(gateway.received.at(-1)).toMatchObject({ t: 'sub', conversation: PUBLIC, from: 'head' });
});

test('a reset of one conversation before the position is known ends the connection', () => {
  const gateway = gatewayAt();
  gateway.cut();
  gateway.pass(20_000);
  const epoch = '00000000-0000-4000-8000-000000000002';
  gateway.arrive(welcomeFrame(at(1, epoch), epoch));
  gateway.arrive({ t: 'reset', reason: 'continuity', position: at(1, epoch), conversation: MINE });
  expect(gateway.state.phase.name).toBe('waiting');
  expect(gateway.items).toEqual([]);
});

describe('whatever the network does', () => {
  const op = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('write' as const),
        to: fc.constantFrom(MINE, OTHER, PUBLIC),
        events: fc.integer({ min: 1, max: 3 }),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({ do: fc.constant('pump' as const), count: fc.integer({ min: 1, max: 6 }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(1, 600, 5_000, 36_000) }),
    },
    fc.record({ do: fc.constantFrom('cut', 'twice', 'late', 'pause', 'drain', 'refollow', 'hb') }),
  );
  type Op = typeof op extends fc.Arbitrary<infer T> ? T : never;

  function perform(gateway: SimulatedGateway, step: Op): void {
    switch (step.do) {
      case 'write':
        if ('to' in step) gateway.write(step.to, step.events);
        break;
      case 'pump':
        if ('count' in step) gateway.pump(step.count);
        break;
      case 'pass':
        if ('ms' in step) gateway.pass(step.ms);
        break;
      case 'cut':
        gateway.cut();
        break;
      case 'twice': {
        const next = gateway.queue[0];
        if (next?.t === 'commits' || next?.t === 'sub-commits') gateway.queue.unshift(next);
        break;
      }
      case 'late': {
        // What an older socket still had to say.
        const old = gateway.log.slice(-3).map((entry) => entry.item);
        if (old.length > 0) gateway.arrive({ t: 'commits', items: old }, gateway.state.generation - 1);
        break;
      }
      case 'pause':
        gateway.take({ kind: 'full' });
        gateway.take({ kind: 'drained', now: gateway.now });
        break;
      case 'drain':
        gateway.arrive({ t: 'drain', afterMs: [0, 1_000], reason: 'deploy' });
        break;
      case 'refollow': {
        gateway.take({ kind: 'unfollow', conversation: PUBLIC, now: gateway.now });
        const from = versionsOf(gateway.items, PUBLIC).at(-1) ?? 0;
        gateway.take({ kind: 'follow', conversation: PUBLIC, from, now: gateway.now });
        break;
      }
      case 'hb':
        gateway.heartbeat();
    }
  }

  test('every commit is handed out once, in order, and the position is never ahead of them', () => {
    fc.assert(
      fc.property(fc.array(op, { maxLength: 60 }), (steps) => {
        const gateway = new SimulatedGateway([MINE, OTHER]);
        gateway.take({ kind: 'follow', conversation: PUBLIC, from: 0, now: gateway.now });
        const log = gateway.log;
        const mine = (until: number): number[] =>
          log
            .filter(({ conversation, item }) => conversation !== PUBLIC && item.seq <= until)
            .map((e) => e.item.seq);
        for (const step of steps) {
          perform(gateway, step);
          const got = new Set(sequencesOf(gateway.items));
          const position = gateway.state.position?.sequence ?? 0;
          expect(mine(position).filter((seq) => !got.has(seq))).toEqual([]);
        }
        gateway.settle();
        const got = sequencesOf(gateway.items);
        expect(got).toEqual([...new Set(got)].toSorted((a, b) => a - b));
        for (const conversation of [MINE, OTHER, PUBLIC]) {
          const spans = log.filter((e) => e.conversation === conversation).map((e) => spanOf(e.item));
          const expected = spans.flatMap((span) => (span ? [span.first, span.last] : []));
          expect(versionsOf(gateway.items, conversation)).toEqual(expected);
        }
        expect(gateway.items.filter((item) => item.kind === 'reset')).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('whatever the server says', () => {
  const conversation = fc.constantFrom(MINE, OTHER, PUBLIC);
  const small = fc.integer({ min: 1, max: 12 });
  const item = fc
    .record({
      seq: fc.integer({ min: 1, max: 60 }),
      conversation,
      first: small,
      more: fc.integer({ min: 0, max: 2 }),
    })
    .map(({ seq, conversation: id, first, more }) => commitOf(seq, id, first, first + more));
  const joining = fc
    .record({ item, joins: fc.integer({ min: 0, max: 9 }) })
    .map(({ item: commit, joins }) => {
      if (joins > 0) return commit;
      const data = { members: [{ userId: 'ann' }] };
      const events = commit.events.map((event, n) =>
        n === 0 ? { ...event, type: 'members.added', data } : event,
      );
      return { ...commit, events: events as typeof commit.events };
    });
  const items = fc.array(joining, { minLength: 1, maxLength: 4 });
  const frame: fc.Arbitrary<ServerFrame> = fc.oneof(
    { weight: 6, arbitrary: fc.record({ t: fc.constant('commits' as const), items }) },
    { weight: 5, arbitrary: fc.record({ t: fc.constant('sub-commits' as const), conversation, items }) },
    fc.record({ t: fc.constant('sub-ok' as const), id: small, conversation, from: small, head: small }),
    fc.record({ t: fc.constant('sub-live' as const), conversation, version: small }),
    fc.record({ t: fc.constant('hb' as const), position: small.map((n) => at(n)) }),
    fc.record({ t: fc.constant('live' as const), position: small.map((n) => at(n)) }),
    fc.record({ t: fc.constant('revoked' as const), conversation, reason: fc.constant('left' as const) }),
    fc.record({
      t: fc.constant('reset' as const),
      reason: fc.constant('continuity' as const),
      position: small.map((n) => at(n)),
      conversation,
    }),
    fc.record({
      t: fc.constant('error' as const),
      id: small,
      code: fc.constantFrom('not-found' as const, 'unavailable' as const),
      detail: fc.constant(''),
    }),
    fc.constant(welcomeFrame(at(3))),
  );
  const step = fc.oneof(
    { weight: 12, arbitrary: fc.record({ frame }) },
    fc.record({ follow: conversation, from: fc.oneof(fc.constant('head' as const), small) }),
    fc.record({ pass: fc.constantFrom(100, 2_000, 30_000) }),
  );

  test('nothing is handed out twice or out of order, and no hole goes untold', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
        const gateway = new SimulatedGateway([]);
        gateway.pump();
        const seen = new Continuity();
        for (const each of steps) {
          if ('frame' in each) gateway.arrive(each.frame);
          else if ('pass' in each) gateway.pass(each.pass);
          else {
            gateway.take({ kind: 'follow', conversation: each.follow, from: each.from, now: gateway.now });
            seen.follow(each.follow, each.from);
          }
          // The simulated answers are not what is tested here.
          for (const got of gateway.items.splice(0)) seen.take(got);
          gateway.queue.splice(0);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

/** What a consumer can check by itself; both ways of coming are in order on their own. */
class Continuity {
  readonly #feed = new Map<string, number>();
  readonly #followed = new Map<string, number>();
  #position = 0;

  follow(conversation: string, from: number | 'head'): void {
    if (from === 'head') this.#followed.delete(conversation);
    else this.#followed.set(conversation, from);
  }

  take(item: SubscriptionItem): void {
    const position = Number(item.position.split(':')[1]);
    expect(position).toBeGreaterThanOrEqual(this.#position);
    switch (item.kind) {
      case 'commit': {
        expect(item.commit.seq).toBe(position);
        expect(position).toBeGreaterThan(this.#position);
        const span = spanOf(item.commit);
        if (!span) break;
        if (!beginsMembership(item.commit, 'ann')) this.#next(this.#feed, span);
        this.#feed.set(span.conversation, span.last);
        const followed = this.#followed.get(span.conversation) ?? Number.POSITIVE_INFINITY;
        if (span.first <= followed + 1 && span.last > followed)
          this.#followed.set(span.conversation, span.last);
        break;
      }
      case 'followed': {
        const span = spanOf(item.commit);
        expect(span?.conversation).toBe(item.conversation);
        if (!span) break;
        this.#next(this.#followed, span);
        this.#followed.set(span.conversation, span.last);
        break;
      }
      case 'follow-live': {
        this.#feed.set(item.conversation, item.version);
        this.#followed.set(item.conversation, item.version);
        break;
      }
      case 'reset':
      case 'revoked':
        if (item.conversation === undefined) throw new Error('nothing resets everything here');
        this.#feed.delete(item.conversation);
        this.#followed.delete(item.conversation);
    }
    this.#position = position;
  }

  #next(
    known: ReadonlyMap<string, number>,
    span: { conversation: string; first: number; last: number },
  ): void {
    const last = known.get(span.conversation);
    if (last === undefined) return;
    expect(span.first).toBeLessThanOrEqual(last + 1);
    expect(span.last).toBeGreaterThan(last);
  }
}
