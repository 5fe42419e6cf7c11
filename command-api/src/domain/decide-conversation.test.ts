import { type CommandType, commandSchemas, directConversationId, type Role } from '@parley/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  conversationOf,
  evolveConversation,
  initialConversation,
  type MessageFact,
  resultOf,
} from './conversation.ts';
import { decideConversation } from './decide-conversation.ts';
import {
  CONVERSATION,
  command,
  conversation,
  enveloped,
  event,
  fold,
  given,
  messageId,
  sent,
  uuidv7At,
} from './decider-spec.ts';
import { outranks, ROLES } from './permissions.ts';

const group = (roles: Record<string, Role>) => conversation('group', roles);
const anna = { senderId: 'anna', ordinal: 1 };

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

describe('messages', () => {
  test('are numbered densely, and the message id is the command id', () => {
    const data = { body: 'hi', replyTo: messageId(1), metadata: { a: 1 } };
    given(group({ anna: 'owner' }), sent(1), sent(2))
      .when(command('message.send', 'anna', data, 9))
      .emits(event('message.sent', { messageId: uuidv7At(9), ordinal: 3, format: 'plain', ...data }))
      .answering({ messageId: uuidv7At(9), ordinal: 3 });
  });

  const edit = (actor: string) =>
    command('message.edit', actor, { messageId: messageId(1), body: 'better', format: 'markdown' });
  const remove = (actor: string) =>
    command('message.delete', actor, { messageId: messageId(1), reason: 'rude' });
  const room = [group({ anna: 'owner', ben: 'member', mod: 'moderator' }), sent(1)];

  test('are edited by their author only', () => {
    given(...room)
      .when(edit('ben'), { senderId: 'ben', ordinal: 1 })
      .emits(
        event('message.edited', { messageId: messageId(1), ordinal: 1, body: 'better', format: 'markdown' }),
      );
    given(...room)
      .when(edit('anna'), { senderId: 'ben', ordinal: 1 })
      .isRefused('forbidden');
  });

  test('are deleted by their author or from moderator on', () => {
    const deleted = event('message.deleted', { messageId: messageId(1), ordinal: 1, reason: 'rude' });
    given(...room)
      .when(remove('ben'), { senderId: 'ben', ordinal: 1 })
      .emits(deleted);
    given(...room)
      .when(remove('mod'), anna)
      .emits(deleted);
    given(...room)
      .when(remove('ben'), anna)
      .isRefused('forbidden');
  });

  test('that are deleted cannot be edited, and deleting again changes nothing', () => {
    const deleted = event('message.deleted', { messageId: messageId(1), ordinal: 1 });
    given(...room, deleted)
      .when(edit('anna'), anna)
      .isRefused('message-deleted');
    given(...room, deleted)
      .when(remove('anna'), anna)
      .isNoOp({});
    given(...room, deleted)
      .when(remove('ben'), anna)
      .isRefused('forbidden');
  });

  test('that do not exist, or not where the client says, are refused by field', () => {
    for (const asked of [edit('anna'), remove('anna')]) {
      given(...room)
        .when(asked, 'unknown')
        .isRefused('not-found', 'messageId');
      given(...room)
        .when(asked)
        .isRefused('not-found', 'messageId');
      given(...room)
        .when(asked, 'wrong-sequence')
        .isRefused('invalid-request', 'sequence');
    }
  });

  test('a cursor goes up to the newest message and not beyond', () => {
    given(...room)
      .when(command('messages.read', 'ben', { ordinal: 1 }))
      .isNoOp({ ordinal: 1 });
    given(...room)
      .when(command('messages.read', 'ben', { ordinal: 2 }))
      .isRefused('invalid-request', 'ordinal');
  });

  test('only the newest 1,024 deletions are remembered', () => {
    const deletions = Array.from({ length: 1_030 }, (_, i) =>
      event('message.deleted', { messageId: messageId(i + 1), ordinal: i + 1 }),
    );
    const { deletedOrdinals } = fold([group({ anna: 'owner' }), ...deletions]);
    expect(deletedOrdinals.size).toBe(1_024);
    expect(deletedOrdinals.has(6)).toBe(false);
    expect(deletedOrdinals.has(7)).toBe(true);
  });
});

describe('any command', () => {
  const users = fc.constantFrom('anna', 'ben', 'cleo', 'eve');
  const role = fc.constantFrom(...ROLES);
  const member = fc.record({ userId: users, role });
  const uuid = fc.constantFrom(CONVERSATION, uuidv7At(5), directConversationId('anna', 'ben'));
  const optional = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined });
  const ordinal = fc.integer({ min: 1, max: 5 });
  const text = fc.string({ minLength: 1, maxLength: 20 }).filter((body) => body.trim().length > 0);
  const about = { conversationId: fc.constant(CONVERSATION), messageId: uuid, sequence: optional(ordinal) };

  const data: Record<CommandType, fc.Arbitrary<object>> = {
    'conversation.create': fc.record({
      type: fc.constantFrom('direct', 'group', 'channel'),
      conversationId: optional(uuid),
      title: optional(text),
      members: fc.array(member, { maxLength: 4 }),
    }),
    'conversation.join': fc.constant({ conversationId: CONVERSATION }),
    'conversation.leave': fc.constant({ conversationId: CONVERSATION }),
    'members.add': fc.record({
      conversationId: fc.constant(CONVERSATION),
      members: fc.array(member, { minLength: 1, maxLength: 4 }),
    }),
    'members.remove': fc.record({
      conversationId: fc.constant(CONVERSATION),
      userIds: fc.array(users, { minLength: 1, maxLength: 4 }),
      reason: optional(text),
    }),
    'message.send': fc.record({
      conversationId: fc.constant(CONVERSATION),
      body: text,
      replyTo: optional(uuid),
      metadata: optional(
        fc.dictionary(fc.string({ maxLength: 5 }), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 2 }),
      ),
    }),
    'message.edit': fc.record({ ...about, body: text }),
    'message.delete': fc.record({ ...about, reason: optional(text) }),
    'messages.read': fc.record({ conversationId: fc.constant(CONVERSATION), ordinal }),
  };
  const anyCommand = fc
    .constantFrom(...(Object.keys(data) as CommandType[]))
    .chain((type) => fc.record({ type: fc.constant(type), actor: users, data: data[type] }))
    .filter(({ type, data }) => commandSchemas[type].data.safeParse(data).success);
  const fact: fc.Arbitrary<MessageFact | undefined> = fc.oneof(
    fc.constantFrom(undefined, 'unknown' as const, 'wrong-sequence' as const),
    fc.record({ senderId: users, ordinal }),
  );
  const history = fc.array(fc.record({ asked: anyCommand, fact }), { minLength: 1, maxLength: 30 });

  test('is decided without a throw; done again it is a no-op or can only be a replay; owners and numbers stay true', () => {
    let accepted = 0;
    fc.assert(
      fc.property(history, fc.constantFrom('group', 'channel'), (steps, type) => {
        let state = initialConversation;
        let version = 0;
        const first = {
          asked: { type: 'conversation.create' as const, actor: 'anna', data: { type } },
          fact: undefined,
        };
        for (const [index, { asked, fact: known }] of [first, ...steps].entries()) {
          const todo = command(asked.type, asked.actor, asked.data, index + 1);
          const decision = decideConversation(state, todo, known);
          if (decision.kind === 'reject') continue;
          accepted++;
          const made = decision.events.map((each) => enveloped(each, ++version, todo.actor, todo.id));
          const before = state;
          state = made.reduce(evolveConversation, state);
          if (made.length > 0) expect(resultOf(conversationOf(todo), made)).toEqual(decision.result);
          expect(state.owners).toBe(state.roles.filter((role) => role === 'owner').size);
          if (before.owners > 0) expect(state.owners).toBeGreaterThan(0);
          expect(state.messageCount - before.messageCount).toBe(todo.type === 'message.send' ? 1 : 0);
          const again = decideConversation(state, todo, known);
          // Only these two say something new each time; their key is what makes a retry of them a replay.
          if (todo.type !== 'message.send' && todo.type !== 'message.edit' && again.kind === 'accept') {
            expect(again.events).toEqual([]);
          }
        }
      }),
      { numRuns: 300 },
    );
    expect(accepted).toBeGreaterThan(200);
  });
});
