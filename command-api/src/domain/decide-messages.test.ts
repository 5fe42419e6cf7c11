import type { Role, Settings } from '@parley/contracts';
import { describe, expect, test } from 'vitest';
import {
  command,
  conversation,
  event,
  fact,
  fold,
  given,
  messageId,
  NOBODY,
  sent,
  T0,
} from './decider-spec.ts';

const roles: Record<string, Role> = { anna: 'owner', ben: 'member', mod: 'moderator' };
const room = [conversation('group', roles), sent(1)];
const withSettings = (settings: Partial<Settings>) => [conversation('group', roles, { settings }), sent(1)];
const about = { messageId: messageId(1) };

describe('message.edit', () => {
  const edit = (actor: string, n = 1, body = 'better') =>
    command('message.edit', actor, { ...about, body, format: 'markdown' }, n);
  const edited = event('message.edited', {
    ...about,
    ordinal: 1,
    body: 'better',
    format: 'markdown',
    mentions: NOBODY,
  });

  test('is for the author', () => {
    given(...room)
      .when(edit('ben'), { message: fact({ senderId: 'ben' }) })
      .emits(edited)
      .answering({});
    given(...room)
      .when(edit('anna'), { message: fact({ senderId: 'ben' }) })
      .isRefused('forbidden');
  });

  test('calls whom the new text calls, and names the thread', () => {
    given(...room)
      .when(edit('anna', 1, '@ben @all'), { message: fact({ threadOrdinal: 7, ordinal: 9 }) })
      .emits(
        event('message.edited', {
          ...about,
          ordinal: 9,
          body: '@ben @all',
          format: 'markdown',
          mentions: { users: ['ben'], all: false, here: false },
          threadOrdinal: 7,
        }),
      );
    given(...room)
      .when(edit('anna', 1, '@all'), { message: fact() })
      .emits(
        event('message.edited', {
          ...about,
          ordinal: 1,
          body: '@all',
          format: 'markdown',
          mentions: { ...NOBODY, all: true },
        }),
      );
  });

  test('replaces ciphertext by ciphertext', () => {
    const ciphertext = { alg: 'x', keyId: 'k', data: 'AAAA' };
    given(...room)
      .when(command('message.edit', 'anna', { ...about, ciphertext }), { message: fact() })
      .emits(
        event('message.edited', { ...about, ordinal: 1, format: 'plain', ciphertext, mentions: NOBODY }),
      );
  });

  test('ends with the window of the conversation', () => {
    const minute = withSettings({ editWindowSeconds: 60 });
    given(...minute)
      .when(edit('anna', 59_999), { message: fact() })
      .emits(edited);
    given(...minute)
      .when(edit('anna', 60_000), { message: fact() })
      .isRefused('edit-window-passed');
    given(...room)
      .when(edit('anna', 60_000), { message: fact() })
      .emits(edited);
    for (const sentAt of [T0 - 5, T0 + 5]) {
      given(...withSettings({ editWindowSeconds: 0 }))
        .when(edit('anna'), { message: fact({ sentAt }) })
        .isRefused('edit-window-passed');
    }
  });
});

describe('message.delete', () => {
  const remove = (actor: string) => command('message.delete', actor, { ...about, reason: 'rude' });

  test('is for the author, or from moderator on', () => {
    const deleted = (authorId: string) =>
      event('message.deleted', { ...about, ordinal: 1, reason: 'rude', authorId });
    given(...room)
      .when(remove('ben'), { message: fact({ senderId: 'ben' }) })
      .emits(deleted('ben'))
      .answering({});
    given(...room)
      .when(remove('mod'), { message: fact() })
      .emits(deleted('anna'));
    given(...room)
      .when(remove('ben'), { message: fact() })
      .isRefused('forbidden');
  });

  test('of what others wrote in a broadcast takes an admin', () => {
    const broadcast = conversation('broadcast', { anna: 'owner', ad: 'admin', mod: 'moderator' });
    given(broadcast, sent(1)).when(remove('mod'), { message: fact() }).isRefused('forbidden');
    given(broadcast, sent(1)).when(remove('ad'), { message: fact() }).answering({});
  });

  test('names the thread', () => {
    given(...room)
      .when(command('message.delete', 'anna', about), { message: fact({ ordinal: 4, threadOrdinal: 1 }) })
      .emits(event('message.deleted', { ...about, ordinal: 4, authorId: 'anna', threadOrdinal: 1 }));
  });
});

describe('messages', () => {
  const edit = command('message.edit', 'anna', { ...about, body: 'x' });
  const remove = command('message.delete', 'anna', about);

  test('that are deleted cannot be edited, and deleting again changes nothing', () => {
    const deleted = event('message.deleted', { ...about, ordinal: 1 });
    given(...room, deleted)
      .when(edit, { message: fact() })
      .isRefused('message-deleted');
    given(...room)
      .when(edit, { message: fact({ deleted: true }) })
      .isRefused('message-deleted');
    given(...room, deleted)
      .when(remove, { message: fact() })
      .isNoOp({});
    given(...room, deleted)
      .when(command('message.delete', 'ben', about), { message: fact() })
      .isRefused('forbidden');
  });

  const onMessages = [
    edit,
    remove,
    command('message.react', 'anna', { ...about, emoji: '👍' }),
    command('message.unreact', 'anna', { ...about, emoji: '👍' }),
    command('message.pin', 'anna', about),
    command('message.unpin', 'anna', about),
    command('message.report', 'anna', { ...about, reason: 'spam' }),
    command('user.hide-message', 'anna', about),
  ];

  test.each(onMessages)('that are not there, or not where the client says, or emptied: $type', (asked) => {
    given(...room)
      .when(asked, { message: 'unknown' })
      .isRefused('not-found', 'messageId');
    given(...room)
      .when(asked)
      .isRefused('not-found', 'messageId');
    given(...room)
      .when(asked, { message: 'wrong-sequence' })
      .isRefused('invalid-request', 'sequence');
    given(...room, event('messages.expired', { throughOrdinal: 1 }))
      .when(asked, { message: fact() })
      .isRefused('not-found', 'messageId');
  });

  test('only the newest 1,024 deletions are remembered', () => {
    const deletions = Array.from({ length: 1_030 }, (_, i) =>
      event('message.deleted', { messageId: messageId(i + 1), ordinal: i + 1 }),
    );
    const { deletedOrdinals } = fold([conversation('group', roles), ...deletions]);
    expect(deletedOrdinals.size).toBe(1_024);
    expect(deletedOrdinals.has(6)).toBe(false);
    expect(deletedOrdinals.has(7)).toBe(true);
  });
});
