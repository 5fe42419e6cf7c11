import { commandSchemas, directConversationId, eventSchemas, isConversationEvent } from '@parley/contracts';
import fc from 'fast-check';
import { is } from 'immutable';
import { describe, expect, test } from 'vitest';
import {
  type ConversationState,
  conversationOf,
  evolveConversation,
  initialConversation,
  resultOf,
  weightOf,
} from './conversation.ts';
import { decodeConversationState, encodeConversationState } from './conversation-snapshot.ts';
import { decideConversation } from './decide-conversation.ts';
import type { Finding } from './decider.ts';
import {
  by,
  CONVERSATION,
  command,
  conversation,
  enveloped,
  event,
  fold,
  sent,
  T0,
  uuidv7At,
} from './decider-spec.ts';
import { type AddressedCommand, ROLES } from './permissions.ts';

const people = ['anna', 'ben', 'cleo', 'eve'];
const users = fc.constantFrom(...people);
/** Whoever owns the place gets most done. */
const actors = fc.oneof(users, fc.constant('anna'));
const role = fc.constantFrom(...ROLES);
const member = fc.record({ userId: users, role });
const uuid = fc.constantFrom(uuidv7At(5), uuidv7At(6));
const optional = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined });
const nullable = <T>(of: fc.Arbitrary<T>) => fc.option(optional(of), { nil: null });
const ordinal = fc.integer({ min: 1, max: 5 });
const text = fc.oneof(
  fc.string({ minLength: 1, maxLength: 20 }).filter((body) => body.trim().length > 0),
  fc.constantFrom('@all', '@here @ben <@cleo>', '`@anna` @eve.'),
);
const time = fc.constantFrom('2026-01-01T00:00:30Z', '2026-01-01T00:01:20Z', '2027-01-01T00:00:00Z');
const names = fc.array(users, { minLength: 1, maxLength: 4 });
const place = { conversationId: fc.constant(CONVERSATION) };
const reason = { ...place, reason: optional(text) };
const about = { ...place, messageId: uuid, sequence: optional(ordinal) };
const emoji = { ...about, emoji: fc.constantFrom('👍', ':party:') };
const settings = fc.record(
  {
    slowModeSeconds: fc.constantFrom(0, 1, 10),
    historyVisibility: fc.constantFrom('shared', 'joined'),
    readOnly: fc.boolean(),
    retentionDays: fc.constantFrom(null, 1),
    editWindowSeconds: fc.constantFrom(null, 0, 5),
    receipts: fc.boolean(),
  },
  { requiredKeys: [] },
);
const audience = fc.oneof(
  fc.constant({ kind: 'all' }),
  fc.constant({ kind: 'segment', segment: 'gold' }),
  fc.record({ kind: fc.constant('custom'), userIds: names }),
);
const content = {
  body: optional(text),
  attachments: fc.constantFrom([], [{ attachmentId: uuidv7At(9) }]),
  replyTo: optional(uuid),
  threadId: optional(uuid),
};

type Asked = AddressedCommand['type'] | 'conversation.create';
const data: Record<Asked, fc.Arbitrary<object>> = {
  'conversation.create': fc.record({
    type: fc.constantFrom('direct', 'group', 'channel', 'broadcast'),
    conversationId: optional(fc.constantFrom(CONVERSATION, directConversationId('anna', 'ben'))),
    title: optional(text),
    members: fc.array(member, { maxLength: 4 }),
    audience: optional(audience),
    settings: optional(settings),
  }),
  'conversation.update': fc.record({ ...place, title: nullable(text), avatar: nullable(text), settings }),
  'conversation.archive': fc.record(reason),
  'conversation.unarchive': fc.record(reason),
  'conversation.delete': fc.record(reason),
  'conversation.join': fc.record(place),
  'conversation.leave': fc.record(place),
  'conversation.expire-messages': fc.record({ ...place, throughOrdinal: ordinal }),
  'members.add': fc.record({ ...place, members: fc.array(member, { minLength: 1, maxLength: 4 }) }),
  'members.remove': fc.record({ ...reason, userIds: names }),
  'members.set-role': fc.record({ ...place, userId: users, role }),
  'members.ban': fc.record({ ...reason, userId: users, until: optional(time) }),
  'members.unban': fc.record({ ...place, userId: users }),
  'members.invite': fc.record({ ...place, userIds: names, role, expiresAt: optional(time) }),
  'members.accept-invite': fc.record(place),
  'members.decline-invite': fc.record(place),
  'message.send': fc.record({ ...place, ...content }),
  'message.schedule': fc.record({ ...place, at: time, message: fc.record(content) }),
  'message.edit': fc.record({ ...about, body: text }),
  'message.delete': fc.record({ ...about, reason: optional(text) }),
  'message.react': fc.record(emoji),
  'message.unreact': fc.record(emoji),
  'message.pin': fc.record(about),
  'message.unpin': fc.record(about),
  'message.report': fc.record({ ...about, reason: fc.constant('spam') }),
  'messages.read': fc.record({ ...place, ordinal, threadId: optional(uuid) }),
  'messages.delivered': fc.record({ ...place, ordinal }),
  'messages.mark-unread': fc.record({ ...place, ordinal }),
  'user.mute': fc.record(place),
  'user.unmute': fc.record(place),
  'user.archive': fc.record(place),
  'user.unarchive': fc.record(place),
  'user.pin': fc.record(place),
  'user.unpin': fc.record(place),
  'user.hide-message': fc.record(about),
};

const anyCommand = fc
  .constantFrom(...(Object.keys(data) as Asked[]))
  .chain((type) => fc.record({ type: fc.constant(type), actor: actors, data: data[type] }))
  .filter(({ type, data }) => commandSchemas[type].data.safeParse(data).success);
const finding: fc.Arbitrary<Finding> = fc.oneof(
  { weight: 1, arbitrary: fc.constantFrom('unknown' as const, 'wrong-sequence' as const) },
  {
    weight: 5,
    arbitrary: fc.record({
      senderId: users,
      ordinal,
      sentAt: fc.integer({ min: T0, max: T0 + 20_000 }),
      threadOrdinal: fc.option(ordinal),
    }),
  },
);
const rarely = fc.integer({ min: 1, max: 10 }).map((n) => n === 10);
const facts = fc.record({ message: finding, replyTo: finding, thread: finding, blocked: rarely });
const history = fc.array(fc.record({ asked: anyCommand, facts }), { minLength: 25, maxLength: 40 });
const staff = [
  { userId: 'ben', role: 'admin' },
  { userId: 'cleo', role: 'guest' },
];
const founding = fc.constantFrom(
  { type: 'group', members: staff },
  { type: 'channel', members: staff },
  { type: 'broadcast', members: staff, audience: { kind: 'segment', segment: 'gold' } },
  { type: 'direct', members: [{ userId: 'ben' }] },
);

const overAgain = (state: ConversationState) =>
  decodeConversationState(JSON.parse(JSON.stringify(encodeConversationState(state))));

function expectSame(one: ConversationState, other: ConversationState): void {
  expect(Object.keys(one).sort()).toEqual(Object.keys(other).sort());
  for (const key of Object.keys(one) as (keyof ConversationState)[]) {
    if (!is(one[key], other[key])) expect(one[key], key).toEqual(other[key]);
  }
}

/** Says something new each time: only their key makes a retry of them a replay. */
const neverNoOps = new Set<Asked>(['message.send', 'message.edit', 'messages.mark-unread']);

describe('any command', () => {
  test('is decided without a throw, and what follows from it stays true', () => {
    const outcomes = new Map<string, number>();
    fc.assert(
      fc.property(history, founding, (steps, founded) => {
        let state = initialConversation;
        let version = 0;
        const first = { type: 'conversation.create' as const, actor: 'anna', data: founded };
        const next = { type: 'message.send' as const, actor: 'anna', data: { body: 'hello' } };
        const begun = [first, next, next, next].map((asked) => ({ asked, facts: {} }));
        for (const [index, step] of [...begun, ...steps].entries()) {
          const { asked, facts: known } = step;
          const todo = command(asked.type, asked.actor, asked.data, 5_000 * (index + 1), ['gold']);
          const before = encodeConversationState(state);
          const decision = decideConversation(state, todo, known);
          expect(encodeConversationState(state)).toEqual(before);
          if (decision.kind === 'reject') continue;
          outcomes.set(todo.type, (outcomes.get(todo.type) ?? 0) + 1);
          const made = decision.events.map((each) => enveloped(each, ++version, todo.actor, todo.id));
          for (const each of made) expect(eventSchemas[each.type].data.parse(each.data)).toEqual(each.data);
          const held = state;
          state = made.filter(isConversationEvent).reduce(evolveConversation, state);
          if (made.length > 0) expect(resultOf(conversationOf(todo) ?? '', made)).toEqual(decision.result);
          expect(state.owners).toBe(state.roles.filter((role) => role === 'owner').size);
          if (!state.deleted && state.type !== 'direct') expect(state.owners).toBeGreaterThan(0);
          expect(state.messageCount - held.messageCount).toBe(todo.type === 'message.send' ? 1 : 0);
          expect(state.replyCount).toBeLessThanOrEqual(state.messageCount);
          expect(people.some((user) => state.roles.has(user) && state.invites.has(user))).toBe(false);
          expectSame(overAgain(state), state);
          const again = decideConversation(state, todo, known);
          if (!neverNoOps.has(asked.type) && again.kind === 'accept') expect(again.events).toEqual([]);
        }
      }),
      { numRuns: 400 },
    );
    // The walk would prove little if it were all refusals.
    expect([...outcomes.keys()].sort()).toEqual(Object.keys(data).sort());
  }, 60_000);
});

describe('the weight of a conversation', () => {
  const crowd = Array.from({ length: 5_000 }, (_, n) => `user${n}`);

  test('is bounded by its people and a constant, however much happens in it', () => {
    const roles = Object.fromEntries(crowd.map((userId) => [userId, 'member' as const]));
    const start = conversation('group', { anna: 'owner', ...roles }, { settings: { slowModeSeconds: 600 } });
    const happenings = crowd.flatMap((userId, n) => {
      const on = { messageId: uuidv7At(n), ordinal: n + 1 };
      return [
        by(userId, sent(n + 1)),
        by(userId, event('reaction.added', { ...on, emoji: '👍', authorId: userId })),
        event('message.deleted', on),
        event('cursor.lowered', { userId, ordinal: n }),
      ];
    });
    const state = fold([start, ...happenings]);
    expect(weightOf(state)).toBe(1 + 5_001 + 1_024 + 1_024 + 1_024 + 4_096);
    const gone = fold([start, ...happenings, event('members.removed', { userIds: crowd })]);
    expect(weightOf(gone)).toBe(1 + 1 + 1_024 + 1_024 + 4_096);
    expectSame(overAgain(state), state);
  });

  test('counts invites, bans and a listed audience', () => {
    const audience = { kind: 'custom' as const, userIds: crowd.slice(0, 10) };
    const events = [
      conversation('broadcast', { anna: 'owner' }, { audience }),
      sent(1),
      event('member.invited', { userIds: ['ben', 'cleo'], role: 'guest' }),
      event('member.banned', { userId: 'eve' }),
      event('members.added', {
        members: [{ userId: 'ben', role: 'guest' }],
        via: 'invite',
        ordinal: 1,
      }),
      event('message.pinned', { messageId: uuidv7At(1), ordinal: 1 }),
    ];
    // anna, ben and where ben joined, cleo's invite, eve's ban, the list, the pin.
    expect(weightOf(fold(events))).toBe(1 + 3 + 1 + 1 + 10 + 1);
  });
});
