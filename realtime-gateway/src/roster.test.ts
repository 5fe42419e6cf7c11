import fc from 'fast-check';
import { afterEach, expect, test, vi } from 'vitest';
import { type Attendant, type Entrance, Roster } from './roster.ts';
import type { DeviceHello } from './session/hello-order.ts';

let seats = 0;

class Seat implements Attendant {
  readonly connection = `connection-${++seats}`;
  readonly taken: string[] = [];
  take({ kind }: { kind: 'replaced' | 'revoked' }): void {
    this.taken.push(kind);
  }
}

const ignore = (): void => undefined;
afterEach(() => {
  vi.useRealTimers();
});

/** A socket says hello, and its token is verified at once. */
function enterAs(roster: Roster<Seat>, seat: Seat, user: string, device: string | null): Entrance {
  return roster.enter(seat, claims(user), { device, at: roster.arrive() });
}

const claims = (userId: string, sessionId = `of ${userId}`) => ({
  userId,
  sessionId,
  segments: [],
  expiresAt: 0,
});

test('a user has so many sockets and no more; one that leaves makes room', () => {
  const roster = new Roster<Seat>(2, ignore);
  const [a, b, c] = [new Seat(), new Seat(), new Seat()];
  const enter = (seat: Seat, user: string): Entrance => enterAs(roster, seat, user, null);
  expect([enter(a, 'ann'), enter(b, 'ann'), enter(c, 'ann')]).toEqual(['entered', 'entered', 'crowded']);
  expect(enter(c, 'bob')).toBe('entered');
  roster.leave(a);
  roster.leave(a);
  expect(enter(a, 'ann')).toBe('entered');
  expect([a, b, c].flatMap(({ taken }) => taken)).toEqual([]);
});

test('a newer socket of a device takes the place of the older one, also when all places are taken', () => {
  const roster = new Roster<Seat>(2, ignore);
  const [phone, desk, again, other] = [new Seat(), new Seat(), new Seat(), new Seat()];
  enterAs(roster, phone, 'ann', 'phone');
  enterAs(roster, desk, 'ann', 'desk');
  enterAs(roster, other, 'bob', 'phone');
  expect(enterAs(roster, again, 'ann', 'phone')).toBe('entered');
  expect([phone, desk, again, other].map(({ taken }) => taken)).toEqual([['replaced'], [], [], []]);
});

test('of one device the latest hello stays, in whatever order the tokens are verified, and whatever the clock does', () => {
  const roster = new Roster<Seat>(9, ignore);
  const [early, late] = [new Seat(), new Seat()];
  const first = roster.arrive();
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 3_600_000 });
  const second = roster.arrive();
  expect(roster.enter(late, claims('ann'), { device: 'phone', at: second })).toBe('entered');
  expect(roster.enter(early, claims('ann'), { device: 'phone', at: first })).toBe('outdated');
  expect(late.taken).toEqual([]);
});

test('whatever gateways hear of each other when, in the end each device has one socket: that of its latest hello', () => {
  const gateways = fc.nat(2);
  const step = fc.oneof(
    fc.record({ do: fc.constant('hello' as const), to: gateways, device: fc.constantFrom('phone', 'desk') }),
    fc.record({ do: fc.constant('verify' as const), which: fc.nat(9) }),
    fc.record({ do: fc.constant('hear' as const), which: fc.nat(9) }),
  );
  const skews = fc.tuple(fc.nat(5_000), fc.nat(5_000), fc.nat(5_000));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), skews, (steps, skew) => {
      let now = 1_000_000;
      vi.useFakeTimers({ toFake: ['Date'], now });
      const onTheWay: { to: number; hello: DeviceHello }[] = [];
      const rosters = skew.map(
        (_, from) =>
          new Roster<Seat>(99, (hello) => {
            for (const to of skew.keys()) if (to !== from) onTheWay.push({ to, hello });
          }),
      );
      const verifying: { at: number; to: number; device: string; seat: Seat }[] = [];
      const all: typeof verifying = [];
      const clockOf = (gateway: number): Roster<Seat> | undefined => {
        vi.setSystemTime(now + (skew[gateway] ?? 0));
        return rosters[gateway];
      };
      const verify = ({ to, at, device, seat }: (typeof verifying)[number]): void => {
        const entrance = clockOf(to)?.enter(seat, claims('ann'), { device, at });
        if (entrance !== 'entered') seat.taken.push('replaced');
      };
      const hear = ({ to, hello }: (typeof onTheWay)[number]): void => clockOf(to)?.heard(hello);
      for (const next of steps) {
        now += 1;
        if (next.do === 'hello') {
          const { to, device } = next;
          const hello = { at: clockOf(to)?.arrive() ?? 0, to, device, seat: new Seat() };
          verifying.push(hello);
          all.push(hello);
        } else if (next.do === 'verify') verifying.splice(next.which, 1).forEach(verify);
        else onTheWay.splice(next.which, 1).forEach(hear);
      }
      verifying.splice(0).forEach(verify);
      for (let next = onTheWay.shift(); next; next = onTheWay.shift()) hear(next);
      for (const device of ['phone', 'desk']) {
        const same = all.filter((one) => one.device === device);
        const staying = same.filter(({ seat }) => !seat.taken.includes('replaced'));
        expect(staying).toHaveLength(Math.min(1, same.length));
        const latest = Math.max(...same.map(({ at }) => at));
        expect(staying.map(({ at }) => at)).toEqual(same.length > 0 ? [latest] : []);
      }
    }),
  );
});

test('who says hello after their earlier hello was heard of is the later one, however far apart the clocks are', () => {
  const told: DeviceHello[] = [];
  const ahead = new Roster<Seat>(9, (hello) => told.push(hello));
  const behind = new Roster<Seat>(9, ignore);
  const [first, second] = [new Seat(), new Seat()];
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 });
  enterAs(ahead, first, 'ann', 'phone');
  vi.useRealTimers();
  for (const hello of told) behind.heard(hello);
  const at = behind.arrive();
  behind.enter(second, claims('ann'), { device: 'phone', at });
  ahead.heard({ user: 'ann', device: 'phone', at, connection: second.connection });
  expect([first.taken, second.taken]).toEqual([['replaced'], []]);
});

test('sockets that name no device never take the place of each other', () => {
  const roster = new Roster<Seat>(2, ignore);
  const [a, b] = [new Seat(), new Seat()];
  enterAs(roster, a, 'ann', null);
  enterAs(roster, b, 'ann', null);
  expect(a.taken).toEqual([]);
});

test('a revoked session reaches its own sockets, by the newest token of each', () => {
  const roster = new Roster<Seat>(9, ignore);
  const [a, b, c] = [new Seat(), new Seat(), new Seat()];
  roster.enter(a, claims('ann', 's1'), { device: null, at: 0 });
  roster.enter(b, claims('ann', 's1'), { device: null, at: 0 });
  roster.enter(c, claims('ann', 's2'), { device: null, at: 0 });
  roster.renew(b, claims('ann', 's3'));
  expect([...roster.sessions()]).toEqual(['s1', 's2', 's3']);
  roster.revoke('s1');
  expect([a, b, c].map(({ taken }) => taken)).toEqual([['revoked'], [], []]);
  for (const seat of [a, b, c]) roster.leave(seat);
  expect([...roster.sessions()]).toEqual([]);
  roster.revoke('s3');
  expect(b.taken).toEqual([]);
});
