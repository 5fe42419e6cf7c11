import { expect, test } from 'vitest';
import { type Attendant, Roster } from './roster.ts';

class Seat implements Attendant {
  readonly taken: string[] = [];
  take({ kind }: { kind: 'replaced' | 'revoked' }): void {
    this.taken.push(kind);
  }
}

const claims = (userId: string, sessionId = `of ${userId}`) => ({
  userId,
  sessionId,
  segments: [],
  expiresAt: 0,
});

test('a user has so many sockets and no more; one that leaves makes room', () => {
  const roster = new Roster<Seat>(2);
  const [a, b, c] = [new Seat(), new Seat(), new Seat()];
  const enter = (seat: Seat, userId: string): boolean => roster.enter(seat, claims(userId), null);
  expect([enter(a, 'ann'), enter(b, 'ann'), enter(c, 'ann')]).toEqual([true, true, false]);
  expect(enter(c, 'bob')).toBe(true);
  roster.leave(a);
  roster.leave(a);
  expect(enter(a, 'ann')).toBe(true);
  expect([a, b, c].flatMap(({ taken }) => taken)).toEqual([]);
});

test('a newer socket of a device takes the place of the older one, also when all places are taken', () => {
  const roster = new Roster<Seat>(2);
  const [phone, desk, again, other] = [new Seat(), new Seat(), new Seat(), new Seat()];
  roster.enter(phone, claims('ann'), 'phone');
  roster.enter(desk, claims('ann'), 'desk');
  roster.enter(other, claims('bob'), 'phone');
  expect(roster.enter(again, claims('ann'), 'phone')).toBe(true);
  expect([phone, desk, again, other].map(({ taken }) => taken)).toEqual([['replaced'], [], [], []]);
});

test('sockets that name no device never take the place of each other', () => {
  const roster = new Roster<Seat>(2);
  const [a, b] = [new Seat(), new Seat()];
  roster.enter(a, claims('ann'), null);
  roster.enter(b, claims('ann'), null);
  expect(a.taken).toEqual([]);
});

test('a revoked session reaches its own sockets, by the newest token of each', () => {
  const roster = new Roster<Seat>(9);
  const [a, b, c] = [new Seat(), new Seat(), new Seat()];
  roster.enter(a, claims('ann', 's1'), null);
  roster.enter(b, claims('ann', 's1'), null);
  roster.enter(c, claims('ann', 's2'), null);
  roster.renew(b, claims('ann', 's3'));
  expect([...roster.sessions()]).toEqual(['s1', 's2', 's3']);
  roster.revoke('s1');
  expect([a, b, c].map(({ taken }) => taken)).toEqual([['revoked'], [], []]);
  for (const seat of [a, b, c]) roster.leave(seat);
  expect([...roster.sessions()]).toEqual([]);
  roster.revoke('s3');
  expect(b.taken).toEqual([]);
});
