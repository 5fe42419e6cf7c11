import type { UserEvent } from '@parley/contracts';
import { describe, expect, test } from 'vitest';
import type { KnownFacts } from './aggregate.ts';
import { decideUser } from './decide-user.ts';
import type { NewEvent } from './decider.ts';
import { CONVERSATION, command, enveloped, event, uuidv7At } from './decider-spec.ts';
import { evolveUser, initialUser, MAX_FAILED_SCHEDULES, MAX_SCHEDULES } from './user.ts';
import { at, foldUser as fold, givenUser as given, sequenceOf } from './user-spec.ts';

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
    ask(event('schedule.released', first)).isRefused('limit-reached');
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

  test('is not delivered before its time, nor before the log holds it', () => {
    given(scheduled)
      .when('message.deliver-scheduled', deliver, {}, 59_999)
      .isRefused('invalid-request', 'scheduleId');
    const notStored = evolveUser(initialUser, enveloped(scheduled, 1) as UserEvent);
    const early = decideUser(
      notStored,
      command('message.deliver-scheduled', 'notifier', deliver, 60_000),
      {},
    );
    expect(early).toMatchObject({ kind: 'reject', code: 'invalid-request' });
  });

  test('that failed is dismissed by cancelling it, once', () => {
    const dismissed = event('schedule.cancelled', { scheduleId });
    given(scheduled, released, failed).when('message.cancel-schedule', { scheduleId }).emits(dismissed);
    given(scheduled, released, failed, dismissed)
      .when('message.cancel-schedule', { scheduleId })
      .isRefused('not-found', 'scheduleId');
    given(scheduled, released, failed, dismissed)
      .when('message.deliver-scheduled', deliver)
      .answers({ outcome: 'cancelled' });
  });

  test('that fails as one too many takes the place of the oldest failure', () => {
    const failures = Array.from({ length: MAX_FAILED_SCHEDULES }, (_, n) =>
      event('schedule.failed', { scheduleId: uuidv7At(1_000 + n), code: 'blocked' }),
    );
    const oldest = event('schedule.cancelled', { scheduleId: uuidv7At(1_000) });
    const failure = { outcome: 'failed', code: 'not-found' } as const;
    given(...failures, scheduled, released)
      .when('message.deliver-scheduled', deliver, { delivery: failure }, 60_000)
      .answers(failure, oldest, failed);
    expect(fold([...failures, scheduled, released, oldest, failed]).failed.size).toBe(MAX_FAILED_SCHEDULES);
    expect(fold([...failures, scheduled, released, failed]).failed.has(uuidv7At(1_000))).toBe(false);
  });

  test('is released once, handed out until something became of it, and then only told of', () => {
    const due = command('message.deliver-scheduled', 'notifier', deliver, 60_000);
    const where = { ...about, sequence: sequenceOf({ version: 1 }) };
    const first = decideUser(fold([scheduled]), due, {});
    expect(first).toMatchObject({ events: [released], released: where });
    // By a process whose clock is behind, too: it has begun.
    const again = decideUser(fold([scheduled, released]), { ...due, at: due.at - 1 }, {});
    expect(again).toMatchObject({ events: [], released: where });
    const ask = (history: NewEvent[], facts: KnownFacts = {}) =>
      given(...history).when('message.deliver-scheduled', deliver, facts, 60_000);
    const failure = { outcome: 'failed', code: 'not-found' } as const;
    ask([scheduled, released], { delivery: { outcome: 'sent' } }).answers({ outcome: 'sent' }, sent);
    ask([scheduled, released], { delivery: failure }).answers(failure, failed);
    ask([scheduled, released, failed]).answers(failure);
    ask([scheduled, released, sent]).answers({ outcome: 'sent' });
    // Whichever was kept first holds.
    ask([scheduled, released, failed], { delivery: { outcome: 'sent' } }).answers(failure);
  });
});
