import { describe, test } from 'vitest';
import { command, conversation, event, fact, given, messageId, sent } from './decider-spec.ts';

const room = [conversation('group', { anna: 'owner', ben: 'member' }), sent(1), sent(2), sent(3)];
const broadcast = [conversation('broadcast', { anna: 'owner' }), sent(1)];

describe.each(['messages.read', 'messages.delivered'] as const)('%s', (type) => {
  test('is confirmed up to the newest message and not beyond', () => {
    given(...room)
      .when(command(type, 'ben', { ordinal: 3 }))
      .answering({ ordinal: 3 })
      .confirms({ ordinal: 3 });
    given(...room)
      .when(command(type, 'ben', { ordinal: 4 }))
      .isRefused('invalid-request', 'ordinal');
  });

  test('tells where and when the cursor was last put back', () => {
    given(
      ...room,
      event('cursor.lowered', { userId: 'ben', ordinal: 2 }),
      event('cursor.lowered', { userId: 'ben', ordinal: 1 }),
      event('cursor.lowered', { userId: 'anna', ordinal: 0 }),
    )
      .when(command(type, 'ben', { ordinal: 3 }))
      .confirms({ ordinal: 3, lowered: { ordinal: 1, version: 6 } });
  });

  test('is private while receipts are off', () => {
    const off = event('conversation.updated', { settings: { receipts: false } });
    const on = event('conversation.updated', { settings: { receipts: true } });
    const ask = command(type, 'ben', { ordinal: 3 });
    given(...room, off)
      .when(ask)
      .answering({ ordinal: 3 })
      .confirms({ ordinal: 3, private: true });
    given(...room, off, on)
      .when(ask)
      .confirms({ ordinal: 3 });
  });

  test('of a member whose putting back is forgotten says that it may be anywhere', () => {
    const crowd = Array.from({ length: 1_024 }, (_, n) => `user${n}`);
    const roles = Object.fromEntries([...crowd, 'ben'].map((userId) => [userId, 'member' as const]));
    const lower = (userId: string) => event('cursor.lowered', { userId, ordinal: 1 });
    const history = [conversation('group', { anna: 'owner', ...roles }), sent(1), lower('ben')];
    const ask = (actor: string) => command(type, actor, { ordinal: 1 });
    const some = given(...history, ...crowd.slice(1).map(lower));
    some.when(ask('ben')).confirms({ ordinal: 1, lowered: { ordinal: 1, version: 3 } });
    some.when(ask('anna')).confirms({ ordinal: 1 });
    const many = given(...history, ...crowd.map(lower));
    many.when(ask('ben')).confirms({ ordinal: 1, lowered: { ordinal: 0, version: 3 } });
    many.when(ask('anna')).confirms({ ordinal: 1, lowered: { ordinal: 0, version: 3 } });
    many.when(ask('user0')).confirms({ ordinal: 1, lowered: { ordinal: 1, version: 4 } });
  });

  test('of somebody in the audience says so', () => {
    given(...broadcast)
      .when(command(type, 'eve', { ordinal: 1 }))
      .confirms({ ordinal: 1, audience: true });
    given(...broadcast)
      .when(command(type, 'anna', { ordinal: 1 }))
      .confirms({ ordinal: 1 });
  });
});

describe('messages.read in a thread', () => {
  const read = (ordinal: number) =>
    command('messages.read', 'ben', { ordinal, threadId: messageId(1), private: true });

  test('is confirmed for the thread with that root, even when that is deleted or emptied', () => {
    const lowered = event('cursor.lowered', { userId: 'ben', ordinal: 2 });
    const deleted = event('message.deleted', { messageId: messageId(1), ordinal: 1 });
    const expired = event('messages.expired', { throughOrdinal: 1 });
    given(...room, lowered, deleted, expired)
      .when(read(3), { thread: fact() })
      .answering({ ordinal: 3 })
      .confirms({ ordinal: 3, threadOrdinal: 1 });
  });

  test('is refused beyond the newest message, of a reply, and of what is not there', () => {
    given(...room)
      .when(read(4), { thread: fact() })
      .isRefused('invalid-request', 'ordinal');
    given(...room)
      .when(read(3), { thread: fact({ ordinal: 2, threadOrdinal: 1 }) })
      .isRefused('invalid-request', 'threadId');
    given(...room)
      .when(read(3), { thread: 'unknown' })
      .isRefused('invalid-request', 'threadId');
    given(...room)
      .when(read(3))
      .isRefused('invalid-request', 'threadId');
  });

  test('is for members: nobody else follows a thread', () => {
    given(...broadcast)
      .when(command('messages.read', 'eve', { ordinal: 1, threadId: messageId(1) }), { thread: fact() })
      .isRefused('not-allowed-here');
  });
});

describe('messages.mark-unread', () => {
  const mark = (actor: string, ordinal: number) => command('messages.mark-unread', actor, { ordinal });

  test('puts the cursor below the message, again and again', () => {
    const lowered = event('cursor.lowered', { userId: 'ben', ordinal: 1 });
    given(...room)
      .when(mark('ben', 2))
      .emits(lowered)
      .answering({ ordinal: 1 });
    given(...room, lowered)
      .when(mark('ben', 2))
      .emits(lowered);
    given(...room)
      .when(mark('ben', 1))
      .answering({ ordinal: 0 });
  });

  test('of a message that is not there is refused, as is that of the audience', () => {
    given(...room)
      .when(mark('ben', 4))
      .isRefused('invalid-request', 'ordinal');
    given(...broadcast)
      .when(mark('eve', 1))
      .isRefused('forbidden');
  });

  test('does not go below what is emptied, or was written before one joined', () => {
    given(...room, event('messages.expired', { throughOrdinal: 2 }))
      .when(mark('ben', 1))
      .emits(event('cursor.lowered', { userId: 'ben', ordinal: 2 }))
      .answering({ ordinal: 2 });
    const joined = event('members.added', {
      members: [{ userId: 'cleo', role: 'guest' }],
      via: 'add',
      ordinal: 2,
    });
    const closed = event('conversation.updated', { settings: { historyVisibility: 'joined' } });
    given(...room, joined, closed)
      .when(mark('cleo', 1))
      .answering({ ordinal: 2 });
    given(...room, joined)
      .when(mark('cleo', 1))
      .answering({ ordinal: 0 });
  });
});

describe('what is a user’s own', () => {
  const about = { messageId: messageId(1) };

  test('is confirmed with the place and the author of the message', () => {
    given(...room)
      .when(command('user.hide-message', 'anna', about), { message: fact() })
      .answering({})
      .confirms({ ordinal: 1, authorId: 'anna' });
    given(...room)
      .when(command('message.report', 'ben', { ...about, reason: 'spam' }), { message: fact() })
      .answering({})
      .confirms({ ordinal: 1, authorId: 'anna' });
    given(...broadcast)
      .when(command('message.report', 'eve', { ...about, reason: 'spam' }), { message: fact() })
      .confirms({ ordinal: 1, authorId: 'anna' });
  });

  test('is no report of one’s own message', () => {
    given(...room)
      .when(command('message.report', 'anna', { ...about, reason: 'spam' }), { message: fact() })
      .isRefused('not-allowed-here');
  });

  test('holds for deleted messages too', () => {
    given(...room, event('message.deleted', { ...about, ordinal: 1 }))
      .when(command('message.report', 'ben', { ...about, reason: 'spam' }), { message: fact() })
      .confirms({ ordinal: 1, authorId: 'anna' });
  });

  test.each([
    'user.mute',
    'user.unmute',
    'user.archive',
    'user.unarchive',
    'user.pin',
    'user.unpin',
  ] as const)('is confirmed by membership alone: %s', (type) => {
    given(...room)
      .when(command(type, 'ben', {}))
      .answering({})
      .confirms({});
  });
});
