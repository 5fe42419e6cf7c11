import type { Role } from '@parley/contracts';
import { describe, expect, test } from 'vitest';
import { command, conversation, event, fold, given, sent } from './decider-spec.ts';
import { outranks, ROLES } from './permissions.ts';

const group = (roles: Record<string, Role>) => conversation('group', roles);
const pairs = ROLES.flatMap((own) => ROLES.map((other) => ({ own, other })));
const staff = ['owner', 'admin', 'moderator'];

describe('membership', () => {
  test('joining a channel starts at its newest message', () => {
    given(conversation('channel', { anna: 'owner' }), sent(1), sent(2))
      .when(command('conversation.join', 'ben', {}))
      .emits(
        event('members.added', {
          members: [{ userId: 'ben', role: 'member' }],
          via: 'join',
          ordinal: 2,
          memberCount: 2,
        }),
      )
      .answering({ role: 'member' });
  });

  test('joining twice keeps the role', () => {
    given(conversation('channel', { anna: 'owner' }))
      .when(command('conversation.join', 'anna', {}))
      .isNoOp({ role: 'owner' });
  });

  test('the last owner stays, the second last may go', () => {
    given(group({ anna: 'owner', ben: 'admin' }))
      .when(command('conversation.leave', 'anna', {}))
      .isRefused('last-owner');
    given(group({ anna: 'owner', ben: 'owner' }))
      .when(command('conversation.leave', 'anna', {}))
      .emits(event('member.left', { userId: 'anna' }));
    given(group({ anna: 'owner', ben: 'owner' }), event('members.removed', { userIds: ['ben'] }))
      .when(command('conversation.leave', 'anna', {}))
      .isRefused('last-owner');
  });

  test('leaving a channel one is not in changes nothing', () => {
    given(conversation('channel', { anna: 'owner' }))
      .when(command('conversation.leave', 'ben', {}))
      .isNoOp({});
  });

  test('adding skips members and keeps their role', () => {
    const members = [{ userId: 'anna', role: 'guest' as const }, { userId: 'ben' }, { userId: 'cleo' }];
    given(group({ anna: 'owner', ben: 'guest' }), sent(1))
      .when(command('members.add', 'anna', { members }))
      .emits(
        event('members.added', {
          members: [{ userId: 'cleo', role: 'member' }],
          via: 'add',
          ordinal: 1,
          memberCount: 3,
        }),
      )
      .answering({ added: ['cleo'] });
  });

  test('adding members only changes nothing, even with a role above one’s own', () => {
    given(group({ anna: 'owner', ben: 'moderator' }))
      .when(command('members.add', 'ben', { members: [{ userId: 'anna', role: 'owner' }] }))
      .isNoOp({ added: [] });
  });

  test.each(pairs)('a $own gives the role $other only below their own, an owner any', ({ own, other }) => {
    const asked = command('members.add', 'ben', { members: [{ userId: 'cleo', role: other }] });
    const outcome = given(group({ anna: 'owner', ben: own })).when(asked);
    if (staff.includes(own) && outranks(own, other)) outcome.answering({ added: ['cleo'] });
    else outcome.isRefused('forbidden');
  });

  test.each(pairs)('a $own removes a $other only below their own, an owner any', ({ own, other }) => {
    const asked = command('members.remove', 'ben', { userIds: ['cleo'], reason: 'spam' });
    const outcome = given(group({ anna: 'owner', ben: own, cleo: other })).when(asked);
    if (staff.includes(own) && outranks(own, other)) {
      outcome.emits(event('members.removed', { userIds: ['cleo'], reason: 'spam' }));
    } else outcome.isRefused('forbidden');
  });

  test('rank is strict, but for owners', () => {
    for (const { own, other } of pairs) {
      expect(outranks(own, other)).toBe(own === 'owner' || ROLES.indexOf(own) < ROLES.indexOf(other));
    }
  });

  test('one of several who may not be removed keeps all', () => {
    given(group({ anna: 'owner', ben: 'admin', cleo: 'guest' }))
      .when(command('members.remove', 'ben', { userIds: ['cleo', 'anna'] }))
      .isRefused('forbidden');
  });

  test('removing oneself is named as the fault it is', () => {
    given(group({ anna: 'owner', ben: 'owner' }))
      .when(command('members.remove', 'anna', { userIds: ['anna'] }))
      .isRefused('invalid-request', 'userIds');
  });

  test('removing whoever is not there changes nothing', () => {
    given(group({ anna: 'owner' }))
      .when(command('members.remove', 'anna', { userIds: ['ben', 'ben'] }))
      .isNoOp({ removed: [] });
  });

  test('who was removed is a stranger', () => {
    given(group({ anna: 'owner', ben: 'admin' }), event('members.removed', { userIds: ['ben'] }))
      .when(command('message.send', 'ben', { body: 'still here' }))
      .isRefused('not-found');
  });

  test('a banned user is not added until somebody unbans them', () => {
    const members = [{ userId: 'cleo' }, { userId: 'ben' }];
    const banned = event('member.banned', { userId: 'ben' });
    given(group({ anna: 'owner' }), banned)
      .when(command('members.add', 'anna', { members }))
      .isRefused('invalid-request', 'members.1.userId');
    given(group({ anna: 'owner' }), banned, event('member.unbanned', { userId: 'ben' }))
      .when(command('members.add', 'anna', { members }))
      .answering({ added: ['cleo', 'ben'] });
  });

  test('removing takes open invites back as well', () => {
    const invited = event('member.invited', { userIds: ['cleo', 'dan'], role: 'member' });
    given(group({ anna: 'owner', ben: 'guest' }), invited)
      .when(command('members.remove', 'anna', { userIds: ['ben', 'cleo', 'eve'] }))
      .emits(event('members.removed', { userIds: ['ben'] }), event('invite.revoked', { userIds: ['cleo'] }))
      .answering({ removed: ['ben', 'cleo'] });
    given(group({ anna: 'owner' }), invited, event('invite.revoked', { userIds: ['cleo'] }))
      .when(command('members.remove', 'anna', { userIds: ['cleo'] }))
      .isNoOp({ removed: [] });
  });

  test('an invite to a role of one’s own rank is not taken back', () => {
    given(
      group({ anna: 'owner', ben: 'moderator' }),
      event('member.invited', { userIds: ['cleo'], role: 'moderator' }),
    )
      .when(command('members.remove', 'ben', { userIds: ['cleo'] }))
      .isRefused('forbidden');
  });

  test('adding says how many there are then', () => {
    const members = [
      { userId: 'ben', role: 'member' as const },
      { userId: 'cleo', role: 'guest' as const },
    ];
    given(group({ anna: 'owner' }))
      .when(command('members.add', 'anna', { members }))
      .emits(event('members.added', { members, via: 'add', ordinal: 0, memberCount: 3 }));
  });

  test('an owner who is added again is one owner still', () => {
    const again = event('members.added', {
      members: [{ userId: 'anna', role: 'owner' }],
      via: 'add',
      ordinal: 0,
    });
    given(group({ anna: 'owner' }), again)
      .when(command('conversation.leave', 'anna', {}))
      .isRefused('last-owner');
  });

  test('coming back starts at the newest message, and forgets where the cursor was put back to', () => {
    const { joinedOrdinals, lowered } = fold([
      conversation('channel', { anna: 'owner', ben: 'member' }),
      sent(1),
      event('cursor.lowered', { userId: 'ben', ordinal: 0 }),
      event('member.left', { userId: 'ben' }),
      sent(2),
      event('members.added', { members: [{ userId: 'ben', role: 'member' }], via: 'join', ordinal: 2 }),
    ]);
    expect(joinedOrdinals.get('ben')).toBe(2);
    expect(joinedOrdinals.has('anna')).toBe(false);
    expect(lowered.size).toBe(0);
  });
});

describe('members.set-role', () => {
  const triples = pairs.flatMap((pair) => ROLES.map((to) => ({ ...pair, to })));

  test.each(triples)('a $own makes a $other $to only from and to below their own, an owner any', (roles) => {
    const { own, other, to } = roles;
    const asked = command('members.set-role', 'ben', { userId: 'cleo', role: to });
    const outcome = given(group({ anna: 'owner', ben: own, cleo: other })).when(asked);
    if (!['owner', 'admin'].includes(own)) outcome.isRefused('forbidden');
    else if (other === to) outcome.isNoOp({});
    else if (outranks(own, other) && outranks(own, to)) {
      outcome.emits(event('member.role-changed', { userId: 'cleo', from: other, to })).answering({});
    } else outcome.isRefused('forbidden');
  });

  test('the last owner stays owner', () => {
    const stepDown = command('members.set-role', 'anna', { userId: 'anna', role: 'admin' });
    given(group({ anna: 'owner', ben: 'admin' }))
      .when(stepDown)
      .isRefused('last-owner');
    const promoted = event('member.role-changed', { userId: 'ben', from: 'admin', to: 'owner' });
    given(group({ anna: 'owner', ben: 'admin' }), promoted)
      .when(stepDown)
      .emits(event('member.role-changed', { userId: 'anna', from: 'owner', to: 'admin' }));
    const demoted = event('member.role-changed', { userId: 'ben', from: 'owner', to: 'guest' });
    given(group({ anna: 'owner', ben: 'admin' }), promoted, demoted)
      .when(stepDown)
      .isRefused('last-owner');
  });

  test('of somebody who is no member is refused', () => {
    given(group({ anna: 'owner' }))
      .when(command('members.set-role', 'anna', { userId: 'ben', role: 'admin' }))
      .isRefused('invalid-request', 'userId');
  });
});
