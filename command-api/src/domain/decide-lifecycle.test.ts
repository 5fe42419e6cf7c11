import { DEFAULT_SETTINGS, type Role } from '@parley/contracts';
import { describe, expect, test } from 'vitest';
import { command, conversation, event, fold, given, sent } from './decider-spec.ts';

const group = (roles: Record<string, Role>) => conversation('group', roles);
const settings = DEFAULT_SETTINGS;

describe('conversation.update', () => {
  const room = conversation('group', { anna: 'owner' }, { title: 'Tea', settings: { slowModeSeconds: 5 } });

  test('says only what changed', () => {
    const data = {
      title: 'Tea',
      description: 'All about it',
      avatar: null,
      settings: { slowModeSeconds: 5, readOnly: true, retentionDays: null },
    };
    given(room)
      .when(command('conversation.update', 'anna', data))
      .emits(event('conversation.updated', { description: 'All about it', settings: { readOnly: true } }))
      .answering({});
  });

  test('that takes nothing away and changes nothing makes no event', () => {
    const data = { title: 'Tea', description: '', avatar: null, settings: { slowModeSeconds: 5 } };
    given(room)
      .when(command('conversation.update', 'anna', data))
      .isNoOp({});
  });

  test('takes away what it sets to null, and counts from what is there since', () => {
    const takeAway = command('conversation.update', 'anna', { title: null });
    given(room)
      .when(takeAway)
      .emits(event('conversation.updated', { title: null }));
    const changed = event('conversation.updated', { title: null, settings: { slowModeSeconds: 0 } });
    given(room, changed).when(takeAway).isNoOp({});
    given(room, changed)
      .when(command('conversation.update', 'anna', { settings: { slowModeSeconds: 0 } }))
      .isNoOp({});
    expect(fold([room, changed]).settings).toEqual(settings);
  });
});

describe('a conversation', () => {
  const room = group({ anna: 'owner' });
  const archived = event('conversation.archived', { reason: 'done' });
  const archive = command('conversation.archive', 'anna', { reason: 'done' });
  const unarchive = command('conversation.unarchive', 'anna', {});

  test('is archived once and comes back once', () => {
    given(room).when(archive).emits(archived).answering({});
    given(room, archived).when(archive).isNoOp({});
    given(room, archived).when(unarchive).emits(event('conversation.unarchived', {}));
    given(room).when(unarchive).isNoOp({});
    given(room, archived, event('conversation.unarchived', {}))
      .when(command('message.send', 'anna', { body: 'again' }))
      .answering({ ordinal: 1 });
  });

  test('that is deleted stays deleted', () => {
    const asked = command('conversation.delete', 'anna', { reason: 'over' });
    const deleted = event('conversation.deleted', { reason: 'over' });
    given(room).when(asked).emits(deleted).answering({});
    given(room, archived).when(asked).emits(deleted);
    given(room, deleted).when(asked).isRefused('conversation-deleted');
  });
});

describe('retention', () => {
  const expire = (throughOrdinal: number) =>
    command('conversation.expire-messages', 'notifier', { throughOrdinal });
  const room = [group({ anna: 'owner' }), sent(1), sent(2), sent(3)];

  test('goes up to the newest message and never back', () => {
    const expired = event('messages.expired', { throughOrdinal: 2 });
    given(...room)
      .when(expire(2))
      .emits(expired)
      .answering({ throughOrdinal: 2 });
    given(...room, expired)
      .when(expire(2))
      .isNoOp({ throughOrdinal: 2 });
    given(...room, expired)
      .when(expire(1))
      .isNoOp({ throughOrdinal: 2 });
    given(...room)
      .when(expire(4))
      .isRefused('invalid-request', 'throughOrdinal');
  });

  test('goes in steps of 5,000', () => {
    const long = [group({ anna: 'owner' }), sent(20_000), event('messages.expired', { throughOrdinal: 10 })];
    given(...long)
      .when(expire(5_010))
      .answering({ throughOrdinal: 5_010 });
    given(...long)
      .when(expire(5_011))
      .isRefused('invalid-request', 'throughOrdinal');
  });
});
