import { describe, expect, it } from 'vitest';
import { cursorsCommit, event, timeOf } from '../testing/commit.ts';
import { folded, foldedCommits } from '../testing/folded.ts';

const added = (userId: string, time = timeOf(2)) =>
  event('members.added', { members: [{ userId, role: 'guest' }], via: 'add', ordinal: 3 }, { time });

describe('the history of memberships', () => {
  it('has a line for every coming, going and change of role', () => {
    const { memberships } = folded(
      added('bob', timeOf(1)),
      event('member.role-changed', { userId: 'bob', from: 'guest', to: 'admin' }, { time: timeOf(2) }),
      event('member.role-changed', { userId: 'cyn', from: 'guest', to: 'admin' }, { time: timeOf(3) }),
      event('member.left', { userId: 'bob' }, { time: timeOf(4) }),
      event('members.removed', { userIds: ['cyn', 'dan'] }, { time: timeOf(5) }),
      event('member.banned', { userId: 'eve', role: 'guest' }, { time: timeOf(6) }),
      event('member.banned', { userId: 'fay' }),
    );
    const gone = { role: null, joinedAt: null, sequence: 7 };
    expect(memberships).toEqual([
      { userId: 'bob', version: 2, sequence: 7, at: timeOf(1), role: 'guest', joinedAt: timeOf(1) },
      { userId: 'bob', version: 3, sequence: 7, at: timeOf(2), role: 'admin', joinedAt: timeOf(1) },
      { userId: 'cyn', version: 4, sequence: 7, at: timeOf(3), role: 'admin', joinedAt: null },
      { userId: 'bob', version: 5, at: timeOf(4), ...gone },
      { userId: 'cyn', version: 6, at: timeOf(5), ...gone },
      { userId: 'dan', version: 6, at: timeOf(5), ...gone },
      { userId: 'eve', version: 7, at: timeOf(6), ...gone },
    ]);
  });
});

describe('bans', () => {
  it('hold until they are lifted; a time that no database takes is cut to what it takes', () => {
    const { bans } = folded(
      event('member.banned', { userId: 'bob', reason: 'spam' }, { actor: 'mod', time: timeOf(1) }),
      event('member.banned', { userId: 'cyn', until: `2026-01-01T00:00:50.${'9'.repeat(60)}Z` }),
      event('member.banned', { userId: 'dan', until: '0000-01-01T00:00:00Z' }),
      event('member.banned', { userId: 'eve' }),
      event('member.unbanned', { userId: 'eve' }),
    );
    expect(bans.get('bob')).toEqual({ bannedBy: 'mod', at: timeOf(1), until: null, reason: 'spam' });
    expect(bans.get('cyn')?.until).toMatch(/^2026-01-01T00:00:5[01]\.\d{3}Z$/);
    expect(bans.get('dan')?.until).toBe('1970-01-01T00:00:00.000Z');
    expect(bans.get('eve')).toBeNull();
  });
});

describe('invites', () => {
  it('are open until they are answered or revoked, or the user is a member', () => {
    const userIds = ['bob', 'cyn', 'dan', 'eve'];
    const { invites } = folded(
      event(
        'member.invited',
        { userIds, role: 'guest', expiresAt: timeOf(99) },
        { actor: 'mod', time: timeOf(1) },
      ),
      event('invite.declined', { userId: 'cyn' }),
      event('invite.revoked', { userIds: ['dan'] }),
      added('eve'),
    );
    expect(Object.fromEntries(invites)).toEqual({
      bob: { role: 'guest', invitedBy: 'mod', at: timeOf(1), expiresAt: timeOf(99), sequence: 7 },
      cyn: null,
      dan: null,
      eve: null,
    });
  });
});

describe('cursors of an audience', () => {
  it('rise, and touch no member', () => {
    const { audienceCursors, members } = foldedCommits(
      cursorsCommit(5, [{ userId: 'bob', readOrdinal: 4, audience: true }]),
      cursorsCommit(6, [{ userId: 'bob', readOrdinal: 2, deliveredOrdinal: 6, audience: true }]),
    );
    expect(Object.fromEntries(audienceCursors)).toEqual({ bob: { readOrdinal: 4, deliveredOrdinal: 6 } });
    expect(members.size).toBe(0);
  });
});
