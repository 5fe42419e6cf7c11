import { type CommandType, commandSchemas, type UserEvent } from '@parley/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { KnownFacts } from './aggregate.ts';
import { decideUser } from './decide-user.ts';
import { CONVERSATION, command, enveloped, uuidv7At } from './decider-spec.ts';
import { evolveUser, initialUser } from './user.ts';
import { userAggregate } from './user-aggregate.ts';
import { decodeUserState, encodeUserState } from './user-snapshot.ts';
import { at } from './user-spec.ts';

const OTHER = uuidv7At(77);

describe('any command to a user', () => {
  const uuid = fc.constantFrom(CONVERSATION, OTHER, uuidv7At(3), uuidv7At(4));
  const place = { conversationId: fc.constantFrom(CONVERSATION, OTHER) };
  const optional = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined });
  const time = fc.integer({ min: -5, max: 50 }).map(at);
  const user = fc.record({ userId: fc.constantFrom('anna', 'ben', 'cleo') });
  const onPlace = fc.record(place);
  const onMessage = { ...place, messageId: uuid };
  const level = fc.constantFrom('all' as const, 'none' as const, null);
  const data: Partial<Record<CommandType, fc.Arbitrary<object>>> = {
    'user.set-profile': fc.record({
      displayName: optional(fc.constantFrom('A', null)),
      lastSeenVisible: optional(fc.boolean()),
    }),
    'user.set-preferences': fc.record({
      conversations: optional(fc.dictionary(uuid, level)),
      notifications: optional(fc.record({ reaction: optional(fc.boolean()) })),
      unarchiveOnMessage: optional(fc.boolean()),
    }),
    'user.mute': fc.record({ ...place, until: optional(time) }),
    'user.unmute': onPlace,
    'user.archive': onPlace,
    'user.unarchive': onPlace,
    'user.pin': onPlace,
    'user.unpin': onPlace,
    'user.hide-message': fc.record(onMessage),
    'message.report': fc.record({ ...onMessage, reason: fc.constant('spam') }),
    'user.block': user,
    'user.unblock': user,
    'user.register-device': fc.record({
      deviceId: fc.constantFrom('a', 'b'),
      platform: fc.constantFrom('ios', 'web'),
    }),
    'user.remove-device': fc.record({ deviceId: fc.constantFrom('a', 'b') }),
    'message.schedule': fc.record({ ...place, at: time, message: fc.constant({ body: 'later' }) }),
    'message.cancel-schedule': fc.record({ scheduleId: uuid }),
    'message.deliver-scheduled': fc.record({ userId: fc.constant('anna'), scheduleId: uuid }),
    'notifications.read': fc.record({ upTo: fc.integer({ min: 1, max: 9 }) }),
    'message.send': fc.record({ ...place, body: fc.constant('not of a user') }),
  };
  const asked = fc
    .constantFrom(...(Object.keys(data) as CommandType[]))
    .chain((type) =>
      fc.record({
        type: fc.constant(type),
        data: data[type] ?? fc.constant({}),
        n: fc.integer({ min: 1, max: 9 }),
      }),
    )
    .filter((each) => commandSchemas[each.type].data.safeParse(each.data).success);
  const facts: fc.Arbitrary<KnownFacts> = fc.constantFrom<KnownFacts>(
    {},
    { confirmed: { ordinal: 3, authorId: 'ben' } },
    { delivery: { outcome: 'sent' } },
    { delivery: { outcome: 'failed', code: 'not-found' } },
  );
  const steps = fc.array(fc.record({ asked, facts }), { minLength: 1, maxLength: 40 });
  const aggregate = userAggregate('anna');

  test('is decided without a throw, done again changes nothing, and a snapshot says the same', () => {
    let accepted = 0;
    fc.assert(
      fc.property(steps, (list) => {
        let state = initialUser;
        let version = 0;
        for (const { asked: each, facts: known } of list) {
          const todo = command(each.type, 'anna', each.data, each.n);
          const decision = decideUser(state, todo, known);
          if (decision.kind === 'reject') continue;
          accepted++;
          const made = decision.events.map(
            (made) => enveloped(made, ++version, 'anna', todo.id) as UserEvent,
          );
          if (made.length > 0 && each.type !== 'message.deliver-scheduled') {
            expect(aggregate.resultOf(made)).toEqual(decision.result);
          }
          state = aggregate.stored(made.reduce(evolveUser, state), made, version);
          const again = decideUser(state, todo, known);
          // These say something new each time; a message that is scheduled twice has its key against it.
          const anew = ['user.archive', 'message.schedule', 'message.deliver-scheduled'].includes(each.type);
          if (!anew && again.kind === 'accept') expect(again.events).toEqual([]);
          expect(decodeUserState(JSON.parse(JSON.stringify(encodeUserState(state))))).toEqual(state);
          expect(aggregate.weight(state)).toBeLessThan(200);
        }
      }),
      { numRuns: 200 },
    );
    expect(accepted).toBeGreaterThan(500);
  });
});
