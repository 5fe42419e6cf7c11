import type { NotificationsPage, QueryInput } from '@parley/contracts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask, askAll } from '../testing/ask.ts';
import { ReadModel, timeOf, uuid } from '../testing/read-model.ts';
import {
  insert,
  insertConversation,
  insertReactions,
  memberRow,
  messageRow,
  messageRows,
  principalOf,
} from '../testing/rows.ts';
import { readNotifications } from './notifications.ts';

let model: ReadModel;
beforeAll(async () => {
  model = await ReadModel.start();
});
afterAll(() => model?.stop());
beforeEach(async () => {
  await model.build();
  await preferring({ notifications: { reaction: true } });
});

const notifications = (query: QueryInput<'notifications'> = {}): Promise<NotificationsPage> =>
  ask(model, ['notifications', readNotifications], query, principalOf('bob'));
const told = async (query: QueryInput<'notifications'> = {}) =>
  (await notifications(query)).items.map(({ kind, ordinal }) =>
    ordinal === null ? kind : `${kind} ${ordinal}`,
  );

async function preferring(preferences: object, readThrough = 0): Promise<void> {
  await model.pool.query('delete from read_model.users');
  await insert(model.pool, 'users', [
    { user_id: 'bob', preferences, notifications_read_sequence: readThrough, version: 1, sequence: 1 },
  ]);
}
const mention = (n: number, ordinal: number, row: object = {}) => ({
  conversation_id: uuid(n),
  user_id: 'bob',
  ordinal,
  sequence: ordinal * 10,
  in_thread: false,
  ...row,
});
const reaction = (ordinal: number, version: number, row: object = {}) => ({
  conversation_id: uuid(1),
  ordinal,
  emoji: '👍',
  user_id: 'ann',
  version,
  sequence: version * 10,
  at: timeOf(version),
  author_id: 'bob',
  added: true,
  ...row,
});

/**
 * Of bob's room: 1 by bob, 2 names him, 3 replies to him, 4 calls all, 5 is in the thread of 1, 6 and 7 are nothing to
 * him, 8 is a reaction to 1.
 */
async function everyKind(member: Parameters<typeof memberRow>[2] = {}): Promise<void> {
  await insertConversation(model.pool, 1, [
    messageRow(1, 1, { sender_id: 'bob' }),
    messageRow(1, 2, { body: `@bob ${'\u{1f44b}'.repeat(200)}` }),
    messageRow(1, 3, { reply_to: uuid(1_000_001), reply_to_author: 'bob' }),
    messageRow(1, 4, { mentions_all: true }),
    messageRow(1, 5, { thread_ordinal: 1, thread_id: uuid(1_000_001) }),
    messageRow(1, 6),
    messageRow(1, 7, { thread_ordinal: 6, thread_id: uuid(1_000_006) }),
  ]);
  await insert(model.pool, 'members', [memberRow(1, 'bob', member)]);
  await insert(model.pool, 'mentions', [mention(1, 2), mention(1, 3, { user_id: 'cyn' })]);
  await insertReactions(model.pool, [reaction(1, 8)]);
  await insert(
    model.pool,
    'threads',
    [
      [1, 5],
      [6, 7],
    ].map(([ordinal, last]) => ({
      conversation_id: uuid(1),
      ordinal,
      reply_count: 1,
      last_reply_ordinal: last,
      last_reply_at: timeOf(5),
      last_reply_sequence: Number(last) * 10,
    })),
  );
  await insert(model.pool, 'thread_followers', [
    { user_id: 'bob', conversation_id: uuid(1), ordinal: 1, followed_from: 1, read_ordinal: 1 },
  ]);
}
const ALL = ['reaction 1', 'thread 5', 'all 4', 'reply 3', 'mention 2'];

describe('notifications', () => {
  it('are of every kind, newest first, with what they are about', async () => {
    await everyKind();
    await insertConversation(model.pool, 2);
    await insert(model.pool, 'invites', [
      {
        conversation_id: uuid(2),
        user_id: 'bob',
        role: 'guest',
        invited_by: 'dan',
        at: timeOf(9),
        sequence: 90,
      },
    ]);
    const { items } = await notifications();
    expect(items).toMatchObject([
      { kind: 'invite', conversationId: uuid(2), title: 'Room 2', messageId: null, by: 'dan', sequence: 90 },
      {
        kind: 'reaction',
        messageId: uuid(1_000_001),
        by: 'ann',
        emoji: '👍',
        preview: 'message 1',
        sequence: 80,
      },
      { kind: 'thread', ordinal: 5, emoji: null, at: timeOf(5) },
      { kind: 'all', ordinal: 4 },
      { kind: 'reply', ordinal: 3, preview: 'message 3' },
      {
        kind: 'mention',
        title: 'Room 1',
        by: 'ann',
        preview: `@bob ${'\u{1f44b}'.repeat(135)}`,
        sequence: 20,
      },
    ]);
    expect(new Set(items.map(({ id }) => id)).size).toBe(6);
    expect((await notifications()).items).toEqual(items);
  });

  it('tell of one message once, by what names the user most', async () => {
    await insertConversation(model.pool, 1, [
      messageRow(1, 1, { sender_id: 'bob' }),
      messageRow(1, 2, { mentions_all: true, reply_to_author: 'bob' }),
      messageRow(1, 3, { mentions_all: true, reply_to_author: 'bob' }),
      messageRow(1, 4, { thread_ordinal: 1, reply_to_author: 'bob' }),
      messageRow(1, 5, { thread_ordinal: 1 }),
    ]);
    await insert(model.pool, 'members', [memberRow(1, 'bob')]);
    await insert(model.pool, 'mentions', [mention(1, 3), mention(1, 5, { in_thread: true })]);
    await insert(model.pool, 'threads', [
      {
        conversation_id: uuid(1),
        ordinal: 1,
        reply_count: 2,
        last_reply_ordinal: 5,
        last_reply_at: timeOf(5),
        last_reply_sequence: 50,
      },
    ]);
    await insert(model.pool, 'thread_followers', [
      { user_id: 'bob', conversation_id: uuid(1), ordinal: 1, followed_from: 1, read_ordinal: 1 },
    ]);
    expect(await told()).toEqual(['mention 5', 'reply 4', 'mention 3', 'reply 2']);
  });

  it('tell of a mention that an edit made when it was made', async () => {
    await insertConversation(model.pool, 1, [messageRow(1, 1, { edited_at: timeOf(70) }), messageRow(1, 2)]);
    await insert(model.pool, 'members', [memberRow(1, 'bob')]);
    await insert(model.pool, 'mentions', [mention(1, 1, { sequence: 700 }), mention(1, 2)]);
    expect((await notifications()).items).toMatchObject([
      { ordinal: 1, sequence: 700, at: timeOf(70) },
      { ordinal: 2, sequence: 20, at: timeOf(2) },
    ]);
  });

  it.each([
    ['has been left', { left_sequence: 100, left_reason: 'left' }],
    ['was joined after it all', { joined_sequence: 81 }],
  ])('are none in a conversation that %s', async (_what, member) => {
    await everyKind(member);
    expect(await told()).toEqual([]);
  });

  it('begin with joining, and with where history does', async () => {
    await everyKind({ joined_sequence: 31, joined_ordinal: 3 });
    expect(await told()).toEqual(['reaction 1', 'thread 5', 'all 4']);
    await model.pool.query(`update read_model.conversations set expired_ordinal = 1`);
    expect(await told()).toEqual(['thread 5', 'all 4']);
  });

  it('are none of the user themself, of deleted, hidden or expired messages or in a deleted conversation', async () => {
    await everyKind();
    await model.pool.query(`update read_model.messages set sender_id = 'bob' where ordinal = 4`);
    await model.pool.query(
      `update read_model.messages set deleted_at = now(), body = null where ordinal = 3`,
    );
    await insert(model.pool, 'hidden_messages', [{ user_id: 'bob', conversation_id: uuid(1), ordinal: 5 }]);
    expect(await told()).toEqual(['reaction 1', 'mention 2']);
    await model.pool.query('update read_model.conversations set expired_ordinal = 2');
    expect(await told()).toEqual([]);
    await model.pool.query('update read_model.conversations set expired_ordinal = 0, deleted_at = now()');
    expect(await told()).toEqual([]);
  });

  it('know a reaction by its newest change', async () => {
    await everyKind();
    await insertReactions(model.pool, [
      reaction(1, 9, { added: false }),
      reaction(1, 10, { emoji: '🎉' }),
      reaction(1, 11, { emoji: '🎉', user_id: 'bob' }),
      reaction(1, 12, { emoji: '🎉', added: false }),
      reaction(1, 13, { emoji: '🎉' }),
      reaction(1, 14, { emoji: '🎉', user_id: 'cyn' }),
    ]);
    const { items } = await notifications();
    const reactions = items.filter(({ kind }) => kind === 'reaction');
    expect(reactions.map(({ by, emoji, sequence }) => [by, emoji, sequence])).toEqual([
      ['cyn', '🎉', 140],
      ['ann', '🎉', 130],
    ]);
  });

  it('are of the kinds that are on: all but reactions, when nothing is said', async () => {
    await everyKind();
    await preferring({});
    expect(await told()).toEqual(ALL.slice(1));
    await preferring({ notifications: { mention: false, all: false, thread: false } });
    expect(await told()).toEqual(['reply 3']);
  });

  it('are none of whom the user has blocked', async () => {
    await everyKind();
    await preferring({ notifications: { reaction: true } });
    expect((await notifications({})).items.some(({ by }) => by === 'ann')).toBe(true);
    await insert(model.pool, 'blocks', [{ user_id: 'bob', blocked_id: 'ann', at: timeOf(1) }]);
    const { items } = await notifications({});
    expect(items.filter(({ by }) => by === 'ann')).toEqual([]);
  });

  it.each([
    ['all', ALL],
    ['mentions', ALL.slice(2)],
    ['none', []],
  ])('follow the level of the conversation: %s', async (level, expected) => {
    await everyKind();
    await preferring({ notifications: { reaction: true }, conversations: { [uuid(1)]: level } });
    expect(await told()).toEqual(expected);
  });

  it.each([
    [
      'before and after the mute',
      { muted_sequence: 20, muted_until: timeOf(4) },
      ['reaction 1', 'thread 5', 'all 4', 'mention 2'],
    ],
    ['before a mute without an end', { muted_sequence: 25, muted_until: 'infinity' }, ['mention 2']],
    ['all, where it was never muted', { archived_sequence: 1 }, ALL],
  ])('are those of %s', async (_what, facts, expected) => {
    await everyKind();
    await insert(model.pool, 'user_conversations', [{ user_id: 'bob', conversation_id: uuid(1), ...facts }]);
    expect(await told()).toEqual(expected);
  });

  it('are open until the invite is answered or over', async () => {
    for (const n of [1, 2, 3]) await insertConversation(model.pool, n);
    await insert(
      model.pool,
      'invites',
      [null, '2020-01-01T00:00:00Z', '2999-01-01T00:00:00Z'].map((expires_at, i) => ({
        conversation_id: uuid(i + 1),
        user_id: 'bob',
        role: 'member',
        invited_by: 'ann',
        at: timeOf(i),
        expires_at,
        sequence: i + 1,
      })),
    );
    expect((await notifications()).items.map(({ conversationId }) => conversationId)).toEqual([
      uuid(3),
      uuid(1),
    ]);
  });
});

describe('a notification is read', () => {
  const unread = () => told({ unread: 'true' });

  it('by the cursor that covers its message; one of a thread by that of the thread', async () => {
    await everyKind({ read_ordinal: 3 });
    expect(await unread()).toEqual(['reaction 1', 'thread 5', 'all 4']);
    await model.pool.query('update read_model.members set read_ordinal = 7');
    expect(await unread()).toEqual(['reaction 1', 'thread 5']);
    await model.pool.query('update read_model.thread_followers set read_ordinal = 5');
    expect(await unread()).toEqual(['reaction 1']);
    expect((await notifications()).items.map(({ read }) => read)).toEqual([false, true, true, true, true]);
  });

  it('with all up to a sequence', async () => {
    await everyKind();
    await preferring({ notifications: { reaction: true } }, 40);
    expect(await unread()).toEqual(['reaction 1', 'thread 5']);
  });

  it('by its id', async () => {
    await everyKind();
    const { items } = await notifications();
    await insert(
      model.pool,
      'notification_reads',
      items.slice(1, 3).map(({ id }) => ({ user_id: 'bob', notification_id: id })),
    );
    expect(await unread()).toEqual(['reaction 1', 'reply 3', 'mention 2']);
    await model.pool.query(`update read_model.notification_reads set user_id = 'cyn'`);
    expect(await unread()).toEqual(ALL);
  });
});

it('pages give every notification once, also of one commit', async () => {
  for (const n of [1, 2]) {
    await insertConversation(
      model.pool,
      n,
      messageRows(n, 12).map((row, i) => ({
        ...row,
        sequence: Math.ceil((i + 1) / 4) * 100 + n,
        sender_id: i === 0 ? 'bob' : 'ann',
        mentions_all: i % 3 === 0,
        reply_to_author: i % 3 === 1 ? 'bob' : null,
      })),
    );
    await insert(
      model.pool,
      'mentions',
      [3, 4, 6, 12].map((ordinal) => mention(n, ordinal, { sequence: Math.ceil(ordinal / 4) * 100 + n })),
    );
  }
  await insert(model.pool, 'members', [memberRow(1, 'bob'), memberRow(2, 'bob')]);
  await insertReactions(
    model.pool,
    [9, 10, 11, 12].map((version) => reaction(1, version, { sequence: 301, user_id: `u${version}` })),
  );
  const whole = (await notifications()).items;
  expect(whole.length).toBeGreaterThan(20);
  for (const limit of [1, 3, 7]) {
    const paged = await askAll((cursor) => notifications({ limit: String(limit), cursor }), limit);
    expect(paged).toEqual(whole);
  }
});

it('a cursor that is none is refused by its name', async () => {
  const cursor = Buffer.from('[1,-1,2]').toString('base64url');
  await expect(notifications({ cursor })).rejects.toMatchObject({
    code: 'invalid-request',
    extras: { errors: [{ path: 'cursor' }] },
  });
});
