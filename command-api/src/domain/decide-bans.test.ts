import type { Role } from '@parley/contracts';
import { describe, expect, test } from 'vitest';
import { command, conversation, event, fold, given } from './decider-spec.ts';

const group = (roles: Record<string, Role>) => conversation('group', roles);

describe('members.ban', () => {
  const room = group({ anna: 'owner', ben: 'moderator', cleo: 'member' });
  const until = '2026-01-02T00:00:00.000Z';

  test('takes the membership away and says which it was', () => {
    given(room)
      .when(command('members.ban', 'ben', { userId: 'cleo', until, reason: 'rude' }))
      .emits(event('member.banned', { userId: 'cleo', role: 'member', until, reason: 'rude' }))
      .answering({});
    const banned = event('member.banned', { userId: 'cleo', role: 'member', until });
    expect(fold([room, banned]).roles.has('cleo')).toBe(false);
    expect(fold([room, event('member.banned', { userId: 'anna', role: 'owner' })]).owners).toBe(0);
  });

  test('of a stranger keeps them out, and takes their invite back', () => {
    given(room, event('member.invited', { userIds: ['dan'], role: 'guest' }))
      .when(command('members.ban', 'ben', { userId: 'dan' }))
      .emits(event('member.banned', { userId: 'dan' }), event('invite.revoked', { userIds: ['dan'] }))
      .answering({});
    given(room)
      .when(command('members.ban', 'ben', { userId: 'eve' }))
      .emits(event('member.banned', { userId: 'eve' }));
  });

  test('to the same end again changes nothing, to another end does', () => {
    const banned = event('member.banned', { userId: 'eve', until });
    given(room, banned)
      .when(command('members.ban', 'ben', { userId: 'eve', until }))
      .isNoOp({});
    given(room, banned)
      .when(command('members.ban', 'ben', { userId: 'eve' }))
      .emits(event('member.banned', { userId: 'eve' }));
    given(room, event('member.banned', { userId: 'eve' }))
      .when(command('members.ban', 'ben', { userId: 'eve' }))
      .isNoOp({});
  });

  test('of oneself, of a higher rank, or to a moment that is over is refused', () => {
    given(room)
      .when(command('members.ban', 'ben', { userId: 'ben' }))
      .isRefused('invalid-request', 'userId');
    given(room)
      .when(command('members.ban', 'ben', { userId: 'anna' }))
      .isRefused('forbidden');
    given(room, event('member.invited', { userIds: ['dan'], role: 'admin' }))
      .when(command('members.ban', 'ben', { userId: 'dan' }))
      .isRefused('forbidden');
    given(room)
      .when(command('members.ban', 'ben', { userId: 'cleo', until: '2026-01-01T00:00:00.001Z' }))
      .isRefused('invalid-request', 'until');
  });
});

test('bans that are over go when another comes', () => {
  const over = event('member.banned', { userId: 'eve', until: '2026-01-01T00:00:00.003Z' });
  const holds = event('member.banned', { userId: 'dan', until: '2026-01-01T00:00:00.005Z' });
  const endless = event('member.banned', { userId: 'cleo' });
  const { bans } = fold([group({ anna: 'owner' }), over, holds, endless]);
  expect([...bans.keys()].sort()).toEqual(['cleo', 'dan']);
});

describe('members.unban', () => {
  test('ends a ban that holds, and else changes nothing', () => {
    const room = group({ anna: 'owner' });
    const unban = command('members.unban', 'anna', { userId: 'eve' }, 10);
    given(room, event('member.banned', { userId: 'eve' }))
      .when(unban)
      .emits(event('member.unbanned', { userId: 'eve' }))
      .answering({});
    given(room).when(unban).isNoOp({});
    given(room, event('member.banned', { userId: 'eve', until: '2026-01-01T00:00:00.010Z' }))
      .when(unban)
      .isNoOp({});
  });
});
