import { type CommandType, commandSchemas, directConversationId } from '@parley/contracts';
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
import { CONVERSATION, command, enveloped, uuidv7At } from './decider-spec.ts';
import { ROLES } from './permissions.ts';

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
