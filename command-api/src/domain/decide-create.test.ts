import { DEFAULT_SETTINGS, directConversationId, type Role } from '@parley/contracts';
import { describe, expect, test } from 'vitest';
import { conversationOf, initialConversation } from './conversation.ts';
import { decideConversation } from './decide-conversation.ts';
import { CONVERSATION, command, conversation, event, given, uuidv7At } from './decider-spec.ts';

const group = (roles: Record<string, Role>) => conversation('group', roles);
const settings = DEFAULT_SETTINGS;

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
          settings,
        }),
      )
      .answering({ conversationId: uuidv7At(1), created: true });
  });

  test('takes the settings it names and the usual ones for the rest', () => {
    const data = {
      type: 'group' as const,
      description: 'x',
      settings: { slowModeSeconds: 5, readOnly: true },
    };
    given()
      .when(command('conversation.create', 'anna', data))
      .emits(
        event('conversation.created', {
          type: 'group',
          description: 'x',
          members: [{ userId: 'anna', role: 'owner' }],
          settings: { ...settings, slowModeSeconds: 5, readOnly: true },
        }),
      );
  });

  test('takes the last of two entries for one user', () => {
    const members = [
      { userId: 'ben', role: 'guest' as const },
      { userId: 'ben', role: 'admin' as const },
    ];
    const asked = command('conversation.create', 'anna', { type: 'channel', members });
    expect(decideConversation(initialConversation, asked, {})).toMatchObject({
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

  test('of a deleted one says so to its members, and nothing to strangers', () => {
    const again = { type: 'group' as const, conversationId: CONVERSATION };
    const gone = [group({ anna: 'owner' }), event('conversation.deleted', {})];
    given(...gone)
      .when(command('conversation.create', 'anna', again))
      .isRefused('conversation-deleted');
    given(...gone)
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
    expect(decideConversation(initialConversation, asked, {})).toMatchObject({
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

  test('of two of whom one has blocked the other is refused', () => {
    const asked = command('conversation.create', 'anna', { type: 'direct', members: [{ userId: 'ben' }] });
    given().when(asked, { blocked: true }).isRefused('blocked');
    given(conversation('direct', { anna: 'member', ben: 'member' }))
      .when(asked, { blocked: true })
      .isRefused('blocked');
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

  test.each([{ title: 'x' }, { description: 'x' }])(
    'of a direct conversation has no words of its own: %j',
    (words) => {
      given()
        .when(
          command('conversation.create', 'anna', { type: 'direct', members: [{ userId: 'ben' }], ...words }),
        )
        .isRefused('invalid-request', Object.keys(words)[0]);
    },
  );

  test.each([
    [{ readOnly: true }, 'settings.readOnly'],
    [{ slowModeSeconds: 60 }, 'settings.slowModeSeconds'],
  ])('of a direct conversation that one side could silence is refused: %j', (chosen, path) => {
    const data = { type: 'direct' as const, members: [{ userId: 'ben' }], settings: chosen };
    given()
      .when(command('conversation.create', 'anna', data))
      .isRefused('invalid-request', path);
  });

  test.each(['group', 'channel', 'broadcast'] as const)(
    'of a %s under the id of a direct conversation is refused',
    (type) => {
      const conversationId = directConversationId('anna', 'ben');
      given()
        .when(command('conversation.create', 'eve', { type, conversationId }))
        .isRefused('invalid-request', 'conversationId');
    },
  );

  test('of a broadcast needs an audience, and nothing else has one', () => {
    const audience = { kind: 'custom' as const, userIds: ['ben'] };
    given()
      .when(command('conversation.create', 'anna', { type: 'broadcast' }))
      .isRefused('invalid-request', 'audience');
    for (const type of ['group', 'channel'] as const) {
      given()
        .when(command('conversation.create', 'anna', { type, audience }))
        .isRefused('invalid-request', 'audience');
    }
    const members = [{ userId: 'ben', role: 'guest' as const }];
    given()
      .when(command('conversation.create', 'anna', { type: 'broadcast', audience, members }))
      .emits(
        event('conversation.created', {
          type: 'broadcast',
          members: [{ userId: 'anna', role: 'owner' }, ...members],
          audience,
          settings,
        }),
      );
  });
});
