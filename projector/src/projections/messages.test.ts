import { describe, expect, it } from 'vitest';
import { commitOf, deleted, edited, event, numbered, ROOM, sent, timeOf, uuid } from '../testing/commit.ts';
import type { MessageChange } from './changes.ts';
import { foldBatch } from './fold-batch.ts';

function message(ordinal: number, ...events: Parameters<typeof numbered>[0]): MessageChange | undefined {
  const { changes, fault } = foldBatch([commitOf(7, numbered(events, 2))], () => ({
    version: 1,
    sequence: 1,
  }));
  expect(fault).toBeNull();
  return changes.conversations.get(ROOM)?.messages.get(ordinal);
}

describe('messages', () => {
  it('are inserted as they were sent', () => {
    const data = {
      messageId: uuid(1),
      ordinal: 1,
      body: 'hi',
      format: 'markdown',
      replyTo: uuid(9),
      metadata: { a: 1 },
    } as const;
    expect(message(1, event('message.sent', data, { actor: 'bob', time: timeOf(3) }))).toEqual({
      sent: {
        messageId: uuid(1),
        sequence: 7,
        senderId: 'bob',
        sentAt: timeOf(3),
        body: 'hi',
        format: 'markdown',
        replyTo: uuid(9),
        metadata: '{"a":1}',
      },
      edit: null,
      editCount: 0,
      deletion: null,
      version: 2,
    });
  });

  it('sent and edited in one batch are one row', () => {
    const result = message(
      1,
      sent(1, 'a'),
      edited(1, 'b'),
      edited(1, 'c', { actor: 'bob', time: timeOf(4) }),
    );
    expect(result).toMatchObject({
      sent: { body: 'a' },
      edit: { body: 'c', by: 'bob', at: timeOf(4) },
      editCount: 2,
      version: 4,
    });
  });

  it('that were written before are patched by an edit', () => {
    expect(message(5, edited(5, 'b'))).toMatchObject({
      sent: null,
      edit: { body: 'b' },
      editCount: 1,
      version: 2,
    });
  });

  it('that are deleted say by whom, when and why', () => {
    expect(message(5, deleted(5, { actor: 'mod', time: timeOf(8) }))).toMatchObject({
      deletion: { by: 'mod', at: timeOf(8), reason: 'spam' },
      version: 2,
    });
  });

  it('keep an edit that came before the deletion', () => {
    expect(message(5, edited(5, 'b'), deleted(5))).toMatchObject({
      editCount: 1,
      deletion: { by: 'ann' },
      version: 3,
    });
  });

  it('that are deleted stay as they are whatever comes after', () => {
    const result = message(
      1,
      sent(1),
      deleted(1, { actor: 'mod' }),
      edited(1, 'again'),
      deleted(1, { actor: 'bob' }),
    );
    expect(result).toMatchObject({ edit: null, editCount: 0, deletion: { by: 'mod' }, version: 3 });
  });
});
