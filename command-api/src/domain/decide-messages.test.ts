import type { Role } from '@parley/contracts';
import { describe, expect, test } from 'vitest';
import { command, conversation, event, fold, given, messageId, sent, uuidv7At } from './decider-spec.ts';

const group = (roles: Record<string, Role>) => conversation('group', roles);
const anna = { senderId: 'anna', ordinal: 1 };

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
