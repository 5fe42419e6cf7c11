import type { Role, Settings } from '@parley/contracts';
import { describe, expect, test } from 'vitest';
import { decideConversation } from './decide-conversation.ts';
import type { Facts } from './decider.ts';
import {
  by,
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
  uuidv7At,
} from './decider-spec.ts';

const roles: Record<string, Role> = { anna: 'owner', ben: 'member', mod: 'moderator' };
const room = [conversation('group', roles), sent(1)];
const withSettings = (settings: Partial<Settings>) => [conversation('group', roles, { settings }), sent(1)];
const plain = { format: 'plain' as const, attachments: [], mentions: NOBODY };
const about = { messageId: messageId(1) };

describe('message.send', () => {
  test('numbers densely, and the message id is the command id', () => {
    given(...room, sent(2))
      .when(command('message.send', 'anna', { body: 'hi', metadata: { a: 1 } }, 9))
      .emits(
        event('message.sent', {
          ...plain,
          messageId: uuidv7At(9),
          ordinal: 3,
          replies: 0,
          body: 'hi',
          metadata: { a: 1 },
        }),
      )
      .answering({ messageId: uuidv7At(9), ordinal: 3 });
  });

  test('carries ciphertext and attachments as they came; ciphertext calls nobody', () => {
    const ciphertext = { alg: 'x', keyId: 'k', data: 'QGJlbg==' };
    const attachments = [{ attachmentId: uuidv7At(77) }];
    given(...room)
      .when(command('message.send', 'anna', { ciphertext, attachments }, 9))
      .emits(
        event('message.sent', {
          ...plain,
          messageId: uuidv7At(9),
          ordinal: 2,
          replies: 0,
          ciphertext,
          attachments,
        }),
      );
  });

  test('names the author of what it replies to', () => {
    given(...room)
      .when(command('message.send', 'anna', { body: 'hi', replyTo: messageId(1) }, 9), {
        replyTo: fact({ senderId: 'ben' }),
      })
      .emits(
        event('message.sent', {
          ...plain,
          messageId: uuidv7At(9),
          ordinal: 2,
          replies: 0,
          body: 'hi',
          replyTo: messageId(1),
          replyToAuthor: 'ben',
        }),
      );
  });

  test('in a thread counts as a reply and names the root', () => {
    const first = event('message.sent', {
      ...plain,
      messageId: uuidv7At(9),
      ordinal: 2,
      replies: 1,
      body: '@all hi @ben',
      threadId: messageId(1),
      threadOrdinal: 1,
      threadAuthor: 'anna',
      mentions: { ...NOBODY, users: ['ben'] },
    });
    const reply = command('message.send', 'anna', { body: '@all hi @ben', threadId: messageId(1) }, 9);
    given(...room)
      .when(reply, { thread: fact() })
      .emits(first);
    const { messageCount, replyCount } = fold([...room, first, sent(3, { replies: 1 })]);
    expect([messageCount, replyCount]).toEqual([3, 1]);
    given(...room, first, sent(3, { replies: 1 }))
      .when(command('message.send', 'anna', { body: 'x' }, 9))
      .emits(event('message.sent', { ...plain, messageId: uuidv7At(9), ordinal: 4, replies: 1, body: 'x' }));
  });

  const referring: [string, 'replyTo' | 'threadId', (finding: Facts['thread']) => Facts][] = [
    ['a reply', 'replyTo', (replyTo) => (replyTo ? { replyTo } : {})],
    ['a thread', 'threadId', (thread) => (thread ? { thread } : {})],
  ];

  test.each(referring)(
    'to what is not there or emptied is refused, to what was deleted is not: %s',
    (_, path, facts) => {
      const asked = command('message.send', 'ben', { body: 'hi', [path]: messageId(1) });
      for (const finding of [undefined, 'unknown' as const, 'wrong-sequence' as const]) {
        given(...room)
          .when(asked, facts(finding))
          .isRefused('invalid-request', path);
      }
      given(...room, event('message.deleted', { ...about, ordinal: 1 }))
        .when(asked, facts(fact()))
        .answering({ messageId: asked.id, ordinal: 2 });
      given(...room, event('messages.expired', { throughOrdinal: 1 }))
        .when(asked, facts(fact()))
        .isRefused('invalid-request', path);
    },
  );

  test('in a thread of a reply is refused', () => {
    given(...room)
      .when(command('message.send', 'ben', { body: 'hi', threadId: messageId(1) }), {
        thread: fact({ threadOrdinal: 1 }),
      })
      .isRefused('invalid-request', 'threadId');
  });

  test('to what was written before one joined is refused when history is for members only', () => {
    const added = event('members.added', {
      members: [{ userId: 'cleo', role: 'member' }],
      via: 'add',
      ordinal: 1,
    });
    const asked = command('message.send', 'cleo', { body: 'hi', replyTo: messageId(1) });
    given(...withSettings({ historyVisibility: 'joined' }), added)
      .when(asked, { replyTo: fact() })
      .isRefused('invalid-request', 'replyTo');
    given(...room, added)
      .when(asked, { replyTo: fact() })
      .answering({ ordinal: 2 });
  });

  test('in a read-only conversation is for moderators and higher, as is scheduling', () => {
    const readOnly = withSettings({ readOnly: true });
    const at = '2026-02-01T00:00:00Z';
    for (const [actor, code] of [
      ['mod', null],
      ['ben', 'forbidden'],
    ] as const) {
      const attempts = [
        given(...readOnly).when(command('message.send', actor, { body: 'x' })),
        given(...readOnly).when(command('message.schedule', actor, { at, message: { body: 'x' } })),
        given(...readOnly).when(command('message.edit', actor, { ...about, body: 'x' }), {
          message: fact({ senderId: actor }),
        }),
      ];
      for (const attempt of attempts) {
        if (code) attempt.isRefused(code);
        else attempt.answering({});
      }
    }
  });
});

describe('mentions', () => {
  const call = (type: 'direct' | 'group' | 'channel' | 'broadcast', actor: string) => {
    const people = { anna: 'owner', mod: 'moderator', ben: 'member', gus: 'guest' } as const;
    return given(conversation(type, people)).when(
      command('message.send', actor, { body: '@all @here @ben @gus @eve' }),
    );
  };
  const calling = (everybody: boolean, users: string[]) => (sentBy: ReturnType<typeof call>) =>
    sentBy.emits(
      event('message.sent', {
        ...plain,
        messageId: uuidv7At(1),
        ordinal: 1,
        replies: 0,
        body: '@all @here @ben @gus @eve',
        mentions: { users, all: everybody, here: everybody },
      }),
    );

  test('are of members; of everybody only by whom the table lets', () => {
    calling(true, ['gus'])(call('group', 'ben'));
    calling(false, ['ben'])(call('group', 'gus'));
    calling(false, ['gus'])(call('channel', 'ben'));
    calling(true, ['ben', 'gus'])(call('channel', 'mod'));
    calling(false, ['gus'])(call('direct', 'ben'));
    calling(false, ['ben', 'gus'])(call('broadcast', 'anna'));
  });
});

describe('slow mode', () => {
  const slow = conversation('group', roles, { settings: { slowModeSeconds: 10 } });
  const send = (actor: string, n: number) => command('message.send', actor, { body: 'x' }, n);

  test('says exactly how long to wait', () => {
    // ben's message has version 2 and was made 2 ms after T0.
    const said = [slow, by('ben', sent(1))];
    given(...said)
      .when(send('ben', 10_001))
      .isRefused('slow-mode');
    given(...said)
      .when(send('ben', 10_002))
      .answering({ ordinal: 2 });
    given(...said)
      .when(send('mod', 3))
      .answering({ ordinal: 2 });
    expect(fold(said).lastSentAt.get('ben')).toBe(T0 + 2);
  });

  test('gives the milliseconds that are left', () => {
    expect(decideConversation(fold([slow, by('ben', sent(1))]), send('ben', 9_000), {})).toEqual({
      kind: 'reject',
      code: 'slow-mode',
      extras: { retryAfterMs: 1_002 },
    });
  });

  test('holds for moderators once they are none, for nobody once it is off, and survives leaving', () => {
    const demoted = event('member.role-changed', { userId: 'mod', from: 'moderator', to: 'member' });
    given(slow, by('mod', sent(1)), demoted)
      .when(send('mod', 5))
      .answering({ ordinal: 2 });
    given(slow, demoted, by('mod', sent(1)))
      .when(send('mod', 5))
      .isRefused('slow-mode');
    const off = event('conversation.updated', { settings: { slowModeSeconds: 0 } });
    given(slow, by('ben', sent(1)), off)
      .when(send('ben', 5))
      .answering({ ordinal: 2 });
    expect(fold([slow, by('ben', sent(1)), off]).lastSentAt.size).toBe(0);
    const back = event('members.added', {
      members: [{ userId: 'ben', role: 'member' }],
      via: 'add',
      ordinal: 1,
    });
    given(slow, by('ben', sent(1)), event('member.left', { userId: 'ben' }), back)
      .when(send('ben', 6))
      .isRefused('slow-mode');
  });

  test('is not asked when a message is scheduled', () => {
    given(slow, by('ben', sent(1)))
      .when(command('message.schedule', 'ben', { at: '2026-02-01T00:00:00Z', message: { body: 'x' } }, 5))
      .answering({ scheduleId: uuidv7At(5) })
      .confirms({});
  });

  test('remembers no longer than it reaches, and nobody while it is off', () => {
    const brisk = conversation(
      'group',
      { anna: 'owner', ben: 'member', cleo: 'member' },
      {
        settings: { slowModeSeconds: 1 },
      },
    );
    const idle = Array.from({ length: 1_000 }, () => event('conversation.archived', {}));
    const { lastSentAt } = fold([brisk, by('ben', sent(1)), ...idle, by('cleo', sent(2))]);
    expect([...lastSentAt.keys()]).toEqual(['cleo']);
    expect(fold([...room, by('ben', sent(2))]).lastSentAt.size).toBe(0);
  });
});
