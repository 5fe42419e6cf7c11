import { describe, expect, test } from 'vitest';
import type { KnownFacts } from './aggregate.ts';
import { decideUser } from './decide-user.ts';
import type { NewEvent } from './decider.ts';
import { CONVERSATION, command, event, uuidv7At } from './decider-spec.ts';
import { MAX_SCHEDULES } from './user.ts';
import { at, foldUser as fold, givenUser as given } from './user-spec.ts';

const about = { conversationId: CONVERSATION };
const message = { body: 'later', format: 'plain' as const, attachments: [] };

describe('a scheduled message', () => {
  const scheduleId = uuidv7At(5);
  const scheduled = event('message.scheduled', { scheduleId, ...about, at: at(60_000), message });
  const released = event('schedule.released', { scheduleId });
  const sent = event('schedule.sent', { scheduleId });
  const failed = event('schedule.failed', { scheduleId, code: 'not-found' });
  const deliver = { userId: 'anna', scheduleId };

  test('waits for a time within the next 366 days', () => {
    given()
      .when('message.schedule', { ...about, at: at(60_000), message }, {}, 5)
      .answers({ scheduleId }, scheduled);
    const schedule = (ms: number) =>
      given().when('message.schedule', { ...about, at: at(ms), message }, {}, 5);
    schedule(5).isRefused('invalid-request', 'at');
    schedule(367 * 86_400_000).isRefused('invalid-request', 'at');
  });

  test('is one of a hundred at most, those being sent included', () => {
    const many = Array.from({ length: MAX_SCHEDULES }, (_, n) =>
      event('message.scheduled', { scheduleId: uuidv7At(1_000 + n), ...about, at: at(60_000), message }),
    );
    const first = { scheduleId: uuidv7At(1_000) };
    const ask = (...more: NewEvent[]) =>
      given(...many, ...more).when('message.schedule', { ...about, at: at(60_000), message }, {}, 5);
    ask(event('schedule.released', first)).isRefused('invalid-request', 'at');
    ask(event('schedule.cancelled', first)).answers({ scheduleId }, scheduled);
    ask(event('schedule.released', first), event('schedule.sent', first)).answers({ scheduleId }, scheduled);
  });

  test('is cancelled before its time and not after', () => {
    given(scheduled)
      .when('message.cancel-schedule', { scheduleId })
      .emits(event('schedule.cancelled', { scheduleId }));
    for (const history of [[], [scheduled, released], [scheduled, released, sent]]) {
      given(...history)
        .when('message.cancel-schedule', { scheduleId })
        .isRefused('not-found', 'scheduleId');
    }
    given(scheduled, event('schedule.cancelled', { scheduleId }))
      .when('message.deliver-scheduled', deliver)
      .answers({ outcome: 'cancelled' });
  });

  test('is released once, handed out until something became of it, and then only told of', () => {
    const first = decideUser(
      fold([scheduled]),
      command('message.deliver-scheduled', 'notifier', deliver),
      {},
    );
    expect(first).toMatchObject({ events: [released], released: { ...about, message } });
    const again = decideUser(
      fold([scheduled, released]),
      command('message.deliver-scheduled', 'notifier', deliver),
      {},
    );
    expect(again).toMatchObject({ events: [], released: { ...about, message } });
    const ask = (history: NewEvent[], facts: KnownFacts = {}) =>
      given(...history).when('message.deliver-scheduled', deliver, facts);
    const failure = { outcome: 'failed', code: 'not-found' } as const;
    ask([scheduled, released], { delivery: { outcome: 'sent' } }).answers({ outcome: 'sent' }, sent);
    ask([scheduled, released], { delivery: failure }).answers(failure, failed);
    ask([scheduled, released, failed]).answers(failure);
    ask([scheduled, released, sent]).answers({ outcome: 'sent' });
    // Whichever was kept first holds.
    ask([scheduled, released, failed], { delivery: { outcome: 'sent' } }).answers(failure);
  });
});
