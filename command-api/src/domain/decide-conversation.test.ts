import { directConversationId, type Role } from '@parley/contracts';
import { describe, expect, test } from 'vitest';
import { conversationOf, initialConversation } from './conversation.ts';
import { decideConversation } from './decide-conversation.ts';
import { CONVERSATION, command, conversation, event, given, sent, uuidv7At } from './decider-spec.ts';
import { outranks, ROLES } from './permissions.ts';

const group = (roles: Record<string, Role>) => conversation('group', roles);

describe('conversation.create', () => {
  test('makes its creator the owner, whatever role the list gives them', () => {
    const members = [{ userId: 'ben' }, { userId: 'anna', role: 'guest' as const }];
    given()
      .when(command('conversation.create', 'anna', { type: 'group', title: 'Tea', members }))
      .emits(
        event('conversation.created', {
          type: 'group',
          title: 'Tea',
          members: [
            { userId: 'anna', role: 'owner' },
            { userId: 'ben', role: 'member' },
          ],
        }),
      )
      .answering({ conversationId: uuidv7At(1), created: true });
  });

  test('takes the last of two entries for one user', () => {
    const members = [
      { userId: 'ben', role: 'guest' as const },
      { userId: 'ben', role: 'admin' as const },
    ];
    const asked = command('conversation.create', 'anna', { type: 'channel', members });
    const decision = decideConversation(initialConversation, asked);
    expect(decision).toMatchObject({
      events: [{ data: { members: [{ userId: 'anna' }, { userId: 'ben', role: 'admin' }] } }],
    });
  });

  test('again by a member changes nothing, by a stranger reveals nothing', () => {
    const again = { type: 'group' as const, conversationId: CONVERSATION };
    given(group({ anna: 'owner' }))
      .when(command('conversation.create', 'anna', again))
      .isNoOp({ conversationId: CONVERSATION, created: false });
    given(group({ anna: 'owner' }))
      .when(command('conversation.create', 'eve', again))
      .isRefused('not-found');
  });

  test('of two users has one id, whoever creates it', () => {
    const id = directConversationId('anna', 'ben');
    for (const [actor, other] of [
      ['anna', 'ben'],
      ['ben', 'anna'],
    ] as const) {
      const asked = command('conversation.create', actor, { type: 'direct', members: [{ userId: other }] });
      expect(conversationOf(asked)).toBe(id);
      given().when(asked).answering({ conversationId: id, created: true });
    }
  });

  test('gives both sides of a direct conversation the same role', () => {
    const members = [{ userId: 'ben', role: 'owner' as const }, { userId: 'anna' }];
    const asked = command('conversation.create', 'anna', { type: 'direct', members });
    expect(decideConversation(initialConversation, asked)).toMatchObject({
      events: [
        {
          data: {
            members: [
              { userId: 'anna', role: 'member' },
              { userId: 'ben', role: 'member' },
            ],
          },
        },
      ],
    });
  });

  test('with oneself is refused', () => {
    const members = [{ userId: 'anna' }, { userId: 'anna' }];
    given()
      .when(command('conversation.create', 'anna', { type: 'direct', members }))
      .isRefused('self-message');
  });

  test.each([[[]], [['ben', 'cleo']]])('of a direct conversation with %j is refused', (others) => {
    const members = others.map((userId) => ({ userId }));
    given()
      .when(command('conversation.create', 'anna', { type: 'direct', members }))
      .isRefused('invalid-request', 'members');
  });

  test('of a direct conversation under another id is refused', () => {
    const data = { type: 'direct' as const, members: [{ userId: 'ben' }], conversationId: CONVERSATION };
    given()
      .when(command('conversation.create', 'anna', data))
      .isRefused('invalid-request', 'conversationId');
  });

  test.each(['group', 'channel'] as const)(
    'of a %s under the id of a direct conversation is refused',
    (type) => {
      const conversationId = directConversationId('anna', 'ben');
      given()
        .when(command('conversation.create', 'eve', { type, conversationId }))
        .isRefused('invalid-request', 'conversationId');
    },
  );
});

describe('membership', () => {
  test('joining a channel starts at its newest message', () => {
    given(conversation('channel', { anna: 'owner' }), sent(1), sent(2))
      .when(command('conversation.join', 'ben', {}))
      .emits(
        event('members.added', { members: [{ userId: 'ben', role: 'member' }], via: 'join', ordinal: 2 }),
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
        event('members.added', { members: [{ userId: 'cleo', role: 'member' }], via: 'add', ordinal: 1 }),
      )
      .answering({ added: ['cleo'] });
  });

  test('adding members only changes nothing, even with a role above one’s own', () => {
    given(group({ anna: 'owner', ben: 'moderator' }))
      .when(command('members.add', 'ben', { members: [{ userId: 'anna', role: 'owner' }] }))
      .isNoOp({ added: [] });
  });

  const pairs = ROLES.flatMap((own) => ROLES.map((other) => ({ own, other })));

  test.each(pairs)('a $own gives the role $other only below their own, an owner any', ({ own, other }) => {
    const asked = command('members.add', 'ben', { members: [{ userId: 'cleo', role: other }] });
    const outcome = given(group({ anna: 'owner', ben: own })).when(asked);
    if (['owner', 'admin', 'moderator'].includes(own) && outranks(own, other))
      outcome.answering({ added: ['cleo'] });
    else outcome.isRefused('forbidden');
  });

  test.each(pairs)('a $own removes a $other only below their own, an owner any', ({ own, other }) => {
    const asked = command('members.remove', 'ben', { userIds: ['cleo'], reason: 'spam' });
    const outcome = given(group({ anna: 'owner', ben: own, cleo: other })).when(asked);
    if (['owner', 'admin', 'moderator'].includes(own) && outranks(own, other)) {
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
});
