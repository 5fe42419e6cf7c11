import { describe, test } from 'vitest';
import { CONVERSATION, event, uuidv7At } from './decider-spec.ts';
import { MAX_DEVICES } from './user.ts';
import { at, givenUser as given } from './user-spec.ts';

const OTHER = uuidv7At(77);
const about = { conversationId: CONVERSATION };

describe('profile and preferences', () => {
  test('keep only what changed', () => {
    const named = event('profile.changed', { displayName: 'Anna', statusText: 'away' });
    given()
      .when('user.set-profile', { displayName: 'Anna', avatar: null })
      .emits(event('profile.changed', { displayName: 'Anna' }));
    given(named)
      .when('user.set-profile', { displayName: 'Anna', statusText: null })
      .emits(event('profile.changed', { statusText: null }));
    given(named).when('user.set-profile', { displayName: 'Anna', lastSeenVisible: true }).isNoOp();
    const changed = event('preferences.changed', {
      notifications: { reaction: true },
      conversations: { [CONVERSATION]: 'none' },
    });
    given()
      .when('user.set-preferences', {
        notifications: { reaction: true, mention: true },
        conversations: { [CONVERSATION]: 'none', [OTHER]: null },
        unarchiveOnMessage: true,
      })
      .emits(changed);
    given(changed)
      .when('user.set-preferences', { conversations: { [CONVERSATION]: null } })
      .emits(event('preferences.changed', { conversations: { [CONVERSATION]: null } }));
    given(changed)
      .when('user.set-preferences', { conversations: { [CONVERSATION]: 'none' } })
      .isNoOp();
  });

  test('have a limit of levels for conversations', () => {
    const levels = (from: number, count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, n) => [uuidv7At(from + n), 'all' as const]));
    given()
      .when('user.set-preferences', { conversations: levels(1, 1_001) })
      .isRefused('limit-reached');
    const full = given(event('preferences.changed', { conversations: levels(1, 1_000) }));
    full.when('user.set-preferences', { conversations: levels(5_000, 1) }).isRefused('limit-reached');
    const swap = { conversations: { ...levels(5_000, 1), [uuidv7At(1)]: null } };
    full.when('user.set-preferences', swap).emits(event('preferences.changed', swap));
  });
});

describe('a conversation in one’s own list', () => {
  const muted = event('inbox.muted', about);

  test('is muted until a time to come, or for good', () => {
    given().when('user.mute', about).emits(muted);
    given()
      .when('user.mute', { ...about, until: at(9) })
      .emits(event('inbox.muted', { ...about, until: at(9) }));
    given()
      .when('user.mute', { ...about, until: at(1) })
      .isRefused('invalid-request', 'until');
    given(muted).when('user.mute', about).isNoOp();
    given(muted)
      .when('user.mute', { ...about, until: at(9) })
      .emits(event('inbox.muted', { ...about, until: at(9) }));
  });

  test('is unmuted only while it is muted', () => {
    given(muted).when('user.unmute', about).emits(event('inbox.unmuted', about));
    given().when('user.unmute', about).isNoOp();
    given(event('inbox.muted', { ...about, until: at(9) }))
      .when('user.unmute', about, {}, 9)
      .isNoOp();
  });

  test('is archived as often as one asks, because a message may have brought it back', () => {
    const archived = event('inbox.archived', about);
    given(archived).when('user.archive', about).emits(archived);
    given(archived).when('user.unarchive', about).emits(event('inbox.unarchived', about));
    given().when('user.unarchive', about).isNoOp();
  });

  test('is pinned once', () => {
    const pinned = event('inbox.pinned', about);
    given().when('user.pin', about).emits(pinned);
    given(pinned).when('user.pin', about).isNoOp();
    given(pinned).when('user.unpin', about).emits(event('inbox.unpinned', about));
    given().when('user.unpin', about).isNoOp();
  });
});

describe('hiding and reporting', () => {
  const target = { ...about, messageId: OTHER };
  const confirmed = { ordinal: 4, authorId: 'ben' };

  test('take ordinal and author from the conversation, and happen once', () => {
    const hidden = event('message.hidden', { ...target, ordinal: 4 });
    given().when('user.hide-message', target, { confirmed }).emits(hidden);
    given(hidden).when('user.hide-message', target, { confirmed }).isNoOp();
    const reported = event('message.reported', { ...target, ...confirmed, reason: 'spam', note: 'again' });
    given()
      .when('message.report', { ...target, reason: 'spam', note: 'again' }, { confirmed })
      .emits(reported);
    given(reported)
      .when('message.report', { ...target, reason: 'hate' }, { confirmed })
      .isNoOp();
  });

  test('need that the conversation has confirmed them', () => {
    given().when('user.hide-message', target).isRefused('not-found', 'messageId');
    given()
      .when('message.report', { ...target, reason: 'spam' })
      .isRefused('not-found', 'messageId');
  });
});

describe('blocks and devices', () => {
  test('are kept once and taken away once', () => {
    const blocked = event('user.blocked', { userId: 'ben' });
    given().when('user.block', { userId: 'ben' }).emits(blocked);
    given(blocked).when('user.block', { userId: 'ben' }).isNoOp();
    given(blocked)
      .when('user.unblock', { userId: 'ben' })
      .emits(event('user.unblocked', { userId: 'ben' }));
    given().when('user.unblock', { userId: 'ben' }).isNoOp();
    given().when('user.block', { userId: 'anna' }).isRefused('self-message');
    const device = event('device.registered', { deviceId: 'd', platform: 'ios', name: 'Phone' });
    given().when('user.register-device', { deviceId: 'd', platform: 'ios', name: 'Phone' }).emits(device);
    given(device).when('user.register-device', { deviceId: 'd', platform: 'ios', name: 'Phone' }).isNoOp();
    given(device)
      .when('user.remove-device', { deviceId: 'd' })
      .emits(event('device.removed', { deviceId: 'd' }));
    given().when('user.remove-device', { deviceId: 'd' }).isNoOp();
  });

  test('devices have a limit, which a known device does not meet', () => {
    const devices = Array.from({ length: MAX_DEVICES }, (_, n) =>
      event('device.registered', { deviceId: `d${n}`, platform: 'web' }),
    );
    given(...devices)
      .when('user.register-device', { deviceId: 'new', platform: 'web' })
      .isRefused('limit-reached');
    given(...devices)
      .when('user.register-device', { deviceId: 'd0', platform: 'ios' })
      .emits(event('device.registered', { deviceId: 'd0', platform: 'ios' }));
  });
});

test('notifications are read by id each time, and up to a sequence forward only, not beyond the log', () => {
  const upTo = event('notifications.read', { upTo: 7 });
  given().when('notifications.read', { upTo: 7 }).emits(upTo);
  given(upTo).when('notifications.read', { upTo: 6 }).isNoOp();
  given().when('notifications.read', { upTo: 7 }, { head: 7 }).emits(upTo);
  given().when('notifications.read', { upTo: 8 }, { head: 7 }).isRefused('invalid-request', 'upTo');
  const id = '7b0a8c1e-3b8f-4d53-9a52-0d9b5ac0c9d1';
  given(upTo)
    .when('notifications.read', { ids: [id, id] })
    .emits(event('notifications.read', { ids: [id] }));
});
