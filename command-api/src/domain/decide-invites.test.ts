import { describe, expect, test } from 'vitest';
import { command, conversation, event, fold, given, sent } from './decider-spec.ts';
import { outranks, ROLES } from './permissions.ts';

const room = conversation('group', { anna: 'owner', ben: 'moderator' });
const invited = event('member.invited', { userIds: ['cleo'], role: 'guest' });
const until = '2026-01-01T00:00:00.005Z';
const brief = event('member.invited', { userIds: ['cleo'], role: 'guest', expiresAt: until });

describe('members.invite', () => {
  test('invites whoever is neither in nor invited', () => {
    const userIds = ['anna', 'cleo', 'dan', 'dan'];
    given(room, invited)
      .when(
        command('members.invite', 'ben', { userIds, role: 'guest', expiresAt: '2027-01-01T02:00:00+02:00' }),
      )
      .emits(
        event('member.invited', { userIds: ['dan'], role: 'guest', expiresAt: '2027-01-01T00:00:00.000Z' }),
      )
      .answering({ invited: ['dan'] });
    given(room, invited)
      .when(command('members.invite', 'anna', { userIds: ['anna', 'cleo'], role: 'owner' }))
      .isNoOp({ invited: [] });
  });

  test('invites again whose invite has run out', () => {
    const again = (n: number) => command('members.invite', 'anna', { userIds: ['cleo'] }, n);
    given(room, brief).when(again(4)).isNoOp({ invited: [] });
    given(room, brief)
      .when(again(5))
      .emits(event('member.invited', { userIds: ['cleo'], role: 'member' }));
  });

  test.each(ROLES.flatMap((own) => ROLES.map((role) => ({ own, role }))))(
    'a $own invites a $role only below their own, an owner any',
    ({ own, role }) => {
      const outcome = given(conversation('group', { anna: 'owner', ben: own })).when(
        command('members.invite', 'ben', { userIds: ['cleo'], role }),
      );
      const staff = ['owner', 'admin', 'moderator'].includes(own);
      if (staff && outranks(own, role)) outcome.answering({ invited: ['cleo'] });
      else outcome.isRefused('forbidden');
    },
  );

  test('of a banned user is refused by their place in the list', () => {
    given(room, event('member.banned', { userId: 'eve' }))
      .when(command('members.invite', 'anna', { userIds: ['dan', 'eve'] }))
      .isRefused('invalid-request', 'userIds.1');
  });

  test('to a moment that is over is refused', () => {
    given(room)
      .when(command('members.invite', 'anna', { userIds: ['dan'], expiresAt: until }, 5))
      .isRefused('invalid-request', 'expiresAt');
  });

  test('leaves at most 1,000 open, and those that ran out make room', () => {
    const userIds = Array.from({ length: 999 }, (_, n) => `user${n}`);
    const many = (more: object) => event('member.invited', { userIds, role: 'guest', ...more });
    const two = command('members.invite', 'anna', { userIds: ['dan', 'eve'] }, 10);
    given(room, many({})).when(two).isRefused('limit-reached');
    given(room, many({}))
      .when(command('members.invite', 'anna', { userIds: ['dan'] }, 10))
      .answering({ invited: ['dan'] });
    given(room, many({ expiresAt: until }))
      .when(two)
      .answering({ invited: ['dan', 'eve'] });
    const later = Array.from({ length: 10 }, () =>
      event('member.invited', { userIds: ['dan'], role: 'guest' }),
    );
    expect(fold([room, many({ expiresAt: until }), ...later]).invites.size).toBe(1);
  });
});

describe('an invited user', () => {
  test('comes in with the role of the invite, at the newest message', () => {
    const accept = command('members.accept-invite', 'cleo', {}, 10);
    const added = event('members.added', {
      members: [{ userId: 'cleo', role: 'guest' }],
      via: 'invite',
      ordinal: 1,
      memberCount: 3,
    });
    given(room, invited, sent(1)).when(accept).emits(added).answering({ role: 'guest' });
    given(room, invited, added).when(accept).isNoOp({ role: 'guest' });
    expect(fold([room, invited, added]).invites.size).toBe(0);
  });

  test('declines once', () => {
    const decline = command('members.decline-invite', 'cleo', {}, 10);
    const declined = event('invite.declined', { userId: 'cleo' });
    given(room, invited).when(decline).emits(declined).answering({});
    given(room, invited, declined).when(decline).isRefused('not-found');
    given(room, brief).when(decline).isRefused('not-found');
  });

  test('whose invite was taken back is a stranger', () => {
    given(room, invited, event('invite.revoked', { userIds: ['cleo'] }))
      .when(command('members.accept-invite', 'cleo', {}))
      .isRefused('not-found');
  });

  test('of a channel who joins uses the invite up', () => {
    const channel = conversation('channel', { anna: 'owner' });
    const joined = event('members.added', {
      members: [{ userId: 'cleo', role: 'member' }],
      via: 'join',
      ordinal: 0,
      memberCount: 2,
    });
    given(channel, invited)
      .when(command('conversation.join', 'cleo', {}))
      .emits(joined);
    expect(fold([channel, invited, joined]).invites.size).toBe(0);
  });

  test('who is a member already declines nothing', () => {
    given(room)
      .when(command('members.decline-invite', 'ben', {}))
      .isNoOp({});
  });
});
