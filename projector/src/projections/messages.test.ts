import { describe, expect, it } from 'vitest';
import { deleted, edited, expired, NOBODY, replied, sent, timeOf, uuid } from '../testing/commit.ts';
import { folded } from '../testing/folded.ts';

const message = (ordinal: number, ...events: Parameters<typeof folded>) =>
  folded(...events).messages.get(ordinal);

describe('messages', () => {
  it('are inserted as they were sent', () => {
    const more = {
      format: 'markdown' as const,
      replyTo: uuid(9),
      replyToAuthor: 'cyn',
      attachments: [{ attachmentId: uuid(8) }],
      mentions: { ...NOBODY, users: ['cyn'], here: true },
      metadata: { a: 1 },
    };
    expect(message(1, sent(1, 'hi', { actor: 'bob', time: timeOf(3) }, more))).toEqual({
      sent: {
        messageId: uuid(1),
        version: 2,
        sequence: 7,
        senderId: 'bob',
        sentAt: timeOf(3),
        replies: 0,
        body: 'hi',
        format: 'markdown',
        ciphertext: null,
        attachments: `[{"attachmentId":"${uuid(8)}"}]`,
        replyTo: uuid(9),
        replyToAuthor: 'cyn',
        threadId: null,
        threadOrdinal: null,
        mentions: '{"users":["cyn"],"all":false,"here":true}',
        mentionsAll: true,
        metadata: '{"a":1}',
      },
      edits: [],
      deletion: null,
      version: 2,
    });
  });

  it('in a thread name its root and call nobody at large', () => {
    const more = { mentions: { ...NOBODY, all: true } };
    expect(message(4, replied(4, 2, {}, more))?.sent).toMatchObject({
      replies: 2,
      threadId: uuid(1),
      threadOrdinal: 1,
      mentionsAll: false,
    });
  });

  it('sent and edited in one batch are one row and three texts', () => {
    const last = edited(1, 'c', { actor: 'bob', time: timeOf(4) });
    expect(message(1, sent(1, 'a'), edited(1, 'b'), last)).toMatchObject({
      sent: { body: 'a', version: 2 },
      edits: [
        { body: 'b', version: 3 },
        { body: 'c', by: 'bob', at: timeOf(4), version: 4, sequence: 7 },
      ],
      version: 4,
    });
  });

  it('that were written before are patched by an edit', () => {
    expect(message(5, edited(5, 'b'))).toMatchObject({ sent: null, edits: [{ body: 'b' }], version: 2 });
  });

  it('change from plain to encrypted', () => {
    const ciphertext = { alg: 'x', keyId: 'k', data: 'AA==' };
    const { body: _, ...data } = edited(5, 'b', {}, { ciphertext }).data as { body: string };
    const change = message(5, { ...edited(5, 'b'), data } as ReturnType<typeof edited>);
    expect(change?.edits).toMatchObject([{ body: null, ciphertext: JSON.stringify(ciphertext) }]);
  });

  it('that are deleted say by whom, when and why', () => {
    expect(message(5, deleted(5, { actor: 'mod', time: timeOf(8) }))).toMatchObject({
      deletion: { by: 'mod', at: timeOf(8), reason: 'spam' },
      version: 2,
    });
  });

  it('keep the mark of an edit that came before the deletion', () => {
    const result = message(5, edited(5, 'b'), deleted(5));
    expect(result).toMatchObject({ deletion: { by: 'ann' }, version: 3 });
    expect(result?.edits).toHaveLength(1);
  });

  it('that are deleted or have expired stay as they are whatever comes after', () => {
    const after = [edited(1, 'again'), deleted(1, { actor: 'bob' })];
    expect(message(1, sent(1), deleted(1, { actor: 'mod' }), ...after)).toMatchObject({
      edits: [],
      deletion: { by: 'mod' },
      version: 3,
    });
    expect(message(1, sent(1), expired(1), ...after)).toMatchObject({
      edits: [],
      deletion: null,
      version: 2,
    });
    expect(message(1, expired(1), ...after)).toBeUndefined();
  });
});
