import { DEFAULT_SETTINGS, type InboxPage, type QueryInput } from '@parley/contracts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask, askAll } from '../testing/ask.ts';
import { EPOCH, ReadModel, timeOf, uuid } from '../testing/read-model.ts';
import {
  insert,
  insertConversation,
  memberRow,
  messageRow,
  messageRows,
  principalOf,
} from '../testing/rows.ts';
import { readInbox } from './inbox.ts';

let model: ReadModel;
beforeAll(async () => {
  model = await ReadModel.start();
});
afterAll(() => model?.stop());
beforeEach(() => model.build());

const inbox = (
  query: QueryInput<'inbox'> = {},
  userId = 'bob',
  segments: string[] = [],
): Promise<InboxPage> => ask(model, ['inbox', readInbox], query, principalOf(userId, segments));
const idsOf = (page: InboxPage) => page.items.map(({ conversation }) => conversation.id);
const roomsOf = async (query: QueryInput<'inbox'>) =>
  (await inbox(query)).items.map(({ conversation }) => Number(conversation.id.slice(-12)));
const join = (rooms: number[], userId = 'bob') =>
  insert(
    model.pool,
    'members',
    rooms.map((n) => memberRow(n, userId)),
  );
const own = (n: number, facts: object) =>
  insert(model.pool, 'user_conversations', [{ user_id: 'bob', conversation_id: uuid(n), ...facts }]);

describe('the inbox', () => {
  it('shows a conversation with its last message and what the user is in it', async () => {
    await insertConversation(model.pool, 1, [
      ...messageRows(1, 3),
      messageRow(1, 4, { mentions_all: true }),
      messageRow(1, 5, { thread_ordinal: 1, thread_id: uuid(1_000_001) }),
    ]);
    await insert(model.pool, 'members', [
      memberRow(1, 'bob', { role: 'admin', read_ordinal: 2, delivered_ordinal: 4 }),
    ]);
    await own(1, { pinned_at: timeOf(3), muted_sequence: 1, muted_until: '2999-01-01T00:00:00Z' });
    expect(await inbox()).toMatchObject({
      asOf: `${EPOCH}:10`,
      nextCursor: null,
      items: [
        {
          conversation: {
            id: uuid(1),
            title: 'Room 1',
            messageCount: 5,
            lastMessage: { ordinal: 4, senderId: 'ann', preview: 'message 4', sentAt: timeOf(4) },
            archived: false,
            version: 6,
          },
          me: {
            role: 'admin',
            joinedAt: timeOf(0),
            readOrdinal: 2,
            deliveredOrdinal: 4,
            unread: 2,
            mentions: 1,
            threadUnread: 0,
            muted: true,
            mutedUntil: '2999-01-01T00:00:00.000Z',
            archived: false,
            pinned: true,
          },
        },
      ],
    });
  });

  it('cuts the preview at 140 characters and has none of a message that is deleted or that the reader hid', async () => {
    await insertConversation(model.pool, 1, [messageRow(1, 1, { body: '\u{1f44b}'.repeat(200) })]);
    await insertConversation(model.pool, 2, [
      messageRow(2, 1, { body: null, deleted_at: timeOf(2), deleted_by: 'ann' }),
    ]);
    await insertConversation(model.pool, 3);
    await insertConversation(model.pool, 4, messageRows(4, 1));
    await join([1, 2, 3, 4]);
    await insert(model.pool, 'hidden_messages', [{ user_id: 'bob', conversation_id: uuid(4), ordinal: 1 }]);
    const { items } = await inbox();
    const previews = new Map(
      items.map(({ conversation }) => [conversation.id, conversation.lastMessage?.preview]),
    );
    expect(previews).toEqual(
      new Map([
        [uuid(1), '\u{1f44b}'.repeat(140)],
        [uuid(2), null],
        [uuid(3), undefined],
        [uuid(4), null],
      ]),
    );
  });

  it('shows no message from before the user joined where history begins with joining', async () => {
    const joinedOnly = { settings: { ...DEFAULT_SETTINGS, historyVisibility: 'joined' } };
    await insertConversation(model.pool, 1, messageRows(1, 3), joinedOnly);
    await insert(model.pool, 'members', [memberRow(1, 'bob', { joined_ordinal: 3 })]);
    const [item] = (await inbox()).items;
    expect(item).toMatchObject({ conversation: { lastMessage: null }, me: { unread: 0 } });
  });

  it('leaves out what the user left or never joined, and what was deleted', async () => {
    for (const n of [1, 2, 3]) await insertConversation(model.pool, n);
    await insertConversation(model.pool, 4, [], { deleted_at: timeOf(9) });
    await join([1, 4]);
    await join([3], 'cyn');
    await insert(model.pool, 'members', [memberRow(2, 'bob', { left_sequence: 5, left_reason: 'removed' })]);
    expect(await roomsOf({})).toEqual([1]);
  });

  it('has the broadcasts of an audience that the user is in without being a member', async () => {
    const broadcast = { type: 'broadcast' };
    await insertConversation(model.pool, 1, messageRows(1, 2), { ...broadcast, audience: 'all' });
    await insertConversation(model.pool, 2, [], { ...broadcast, audience: 'segment', segment: 'staff' });
    await insertConversation(model.pool, 3, [], { ...broadcast, audience: 'segment', segment: 'press' });
    await insertConversation(model.pool, 4, [], {
      ...broadcast,
      audience: 'custom',
      audience_user_ids: ['cyn', 'bob'],
    });
    await insertConversation(model.pool, 5, [], {
      ...broadcast,
      audience: 'custom',
      audience_user_ids: ['cyn'],
    });
    await insertConversation(model.pool, 6, [], { ...broadcast, audience: 'all' });
    await insertConversation(model.pool, 7, [], { ...broadcast, audience: 'all' });
    await insertConversation(model.pool, 8, [], { ...broadcast, audience: 'all', deleted_at: timeOf(1) });
    await insertConversation(model.pool, 9, [], { ...broadcast, audience: 'all' });
    await insert(model.pool, 'members', [
      memberRow(6, 'bob', { role: 'admin' }),
      memberRow(7, 'bob', { left_sequence: 4, left_reason: 'left' }),
    ]);
    await insert(model.pool, 'bans', [
      { conversation_id: uuid(9), user_id: 'bob', banned_by: 'ann', at: timeOf(1), until: null },
      { conversation_id: uuid(7), user_id: 'bob', banned_by: 'ann', at: timeOf(1), until: timeOf(2) },
    ]);
    await insert(model.pool, 'audience_cursors', [
      { conversation_id: uuid(1), user_id: 'bob', read_ordinal: 1, delivered_ordinal: 2 },
    ]);
    const { items } = await inbox({}, 'bob', ['staff']);
    expect(items.map(({ conversation, me }) => [conversation.id, me.role]).sort()).toEqual([
      [uuid(1), null],
      [uuid(2), null],
      [uuid(4), null],
      [uuid(6), 'admin'],
      [uuid(7), null],
    ]);
    const first = items.find(({ conversation }) => conversation.id === uuid(1));
    expect(first?.me).toMatchObject({ joinedAt: null, readOrdinal: 1, deliveredOrdinal: 2, unread: 1 });
    const custom = items.find(({ conversation }) => conversation.id === uuid(4));
    expect(custom?.conversation.audience).toEqual({ kind: 'custom' });
  });

  it.each(['direct', 'group', 'channel', 'broadcast'] as const)('filters by type: %s', async (filter) => {
    for (const [n, type] of ['direct', 'group', 'channel', 'broadcast'].entries()) {
      await insertConversation(model.pool, n, [], { type });
    }
    await join([0, 1, 2, 3]);
    const { items } = await inbox({ filter });
    expect(items.map(({ conversation }) => conversation.type)).toEqual([filter]);
  });

  it('filters by unread, mentions, mutes, pins and the archive, which is left out otherwise', async () => {
    for (const n of [1, 2, 3, 4, 5]) {
      await insertConversation(model.pool, n, [messageRow(n, 1, { mentions_all: n === 2 })]);
    }
    await insert(
      model.pool,
      'members',
      [1, 2, 3, 4, 5].map((n) => memberRow(n, 'bob', { read_ordinal: n === 3 ? 1 : 0 })),
    );
    await own(3, { muted_sequence: 1, muted_until: 'infinity' });
    await own(4, { pinned_at: timeOf(1), muted_sequence: 1, muted_until: timeOf(1) });
    await own(5, { archived_sequence: 10, pinned_at: timeOf(2), muted_sequence: 1, muted_until: 'infinity' });
    expect(await roomsOf({})).toEqual([4, 3, 2, 1]);
    expect(await roomsOf({ filter: 'unread' })).toEqual([4, 2, 1]);
    expect(await roomsOf({ filter: 'mentions' })).toEqual([2]);
    expect(await roomsOf({ filter: 'muted' })).toEqual([3]);
    expect(await roomsOf({ filter: 'pinned' })).toEqual([4]);
    expect(await roomsOf({ filter: 'archived' })).toEqual([5]);
    expect(await roomsOf({ filter: 'group' })).toEqual([4, 3, 2, 1]);
  });

  it('tells an endless mute from one with an end and from one that is over', async () => {
    for (const n of [1, 2]) await insertConversation(model.pool, n);
    await join([1, 2]);
    await own(1, { muted_sequence: 1, muted_until: 'infinity' });
    await own(2, { muted_sequence: 1, muted_until: timeOf(1) });
    const { items } = await inbox();
    expect(items.map(({ me }) => [me.muted, me.mutedUntil])).toEqual([
      [false, null],
      [true, null],
    ]);
  });

  it('sorts by activity, by unread and by pins', async () => {
    for (const n of [1, 2, 3, 4]) {
      await insertConversation(model.pool, n, messageRows(n, n), { last_message_at: timeOf(-n) });
    }
    await insert(
      model.pool,
      'members',
      [
        [1, 0],
        [2, 2],
        [3, 1],
        [4, 3],
      ].map(([n, read]) => memberRow(n ?? 0, 'bob', { read_ordinal: read })),
    );
    await own(3, { pinned_at: timeOf(1) });
    await own(4, { pinned_at: timeOf(2) });
    expect(await roomsOf({ order: 'recent' })).toEqual([1, 2, 3, 4]);
    expect(await roomsOf({ order: 'unread' })).toEqual([3, 1, 4, 2]);
    expect(await roomsOf({ order: 'pinned' })).toEqual([4, 3, 1, 2]);
  });

  it.each(['recent', 'unread', 'pinned'] as const)(
    'gives each conversation once over its pages, in one order: %s',
    async (order) => {
      for (let n = 0; n < 23; n++) {
        await insertConversation(model.pool, n, messageRows(n, n % 4), { last_message_at: timeOf(n % 3) });
        if (n % 5 === 0) await own(n, { pinned_at: timeOf(n % 10) });
      }
      await join(Array.from({ length: 23 }, (_, n) => n));
      const whole = idsOf(await inbox({ order }));
      expect(new Set(whole).size).toBe(23);
      const paged = await askAll((cursor) => inbox({ order, limit: '5', cursor }), 5);
      expect(paged.map(({ conversation }) => conversation.id)).toEqual(whole);
    },
  );

  it('takes a cursor of its own making only', async () => {
    for (const n of [1, 2, 3]) await insertConversation(model.pool, n);
    await join([1, 2, 3]);
    const others = await Promise.all([
      inbox({ order: 'unread', limit: '1' }),
      inbox({ filter: 'group', limit: '1' }),
    ]);
    const cursors = others.map(({ nextCursor }) => nextCursor ?? 'none');
    for (const cursor of [...cursors, 'x', Buffer.from('[1,2]').toString('base64url')]) {
      await expect(inbox({ cursor })).rejects.toMatchObject({
        code: 'invalid-request',
        extras: { errors: [{ path: 'cursor' }] },
      });
    }
  });

  it('loses no conversation whose activity differs only below the millisecond', async () => {
    const rooms = [0, 1, 2, 3, 4, 5];
    for (const n of rooms) await insertConversation(model.pool, n);
    await join(rooms);
    await model.pool.query(
      "update read_model.conversations set created_at = $1::timestamptz + (random() * 900)::int * interval '1 microsecond'",
      [timeOf(0)],
    );
    const first = await inbox({ limit: '3' });
    const second = await inbox({ limit: '3', cursor: first.nextCursor ?? 'none' });
    expect([...idsOf(first), ...idsOf(second)]).toEqual([5, 4, 3, 2, 1, 0].map(uuid));
    expect(second.nextCursor).toBeNull();
  });

  it.each(["o'neil", '"ann"', '100%', '_', 'a\\b', '語 👋', "'; drop schema read_model cascade; --"])(
    'belongs to exactly one user id: %s',
    async (userId) => {
      for (const n of [1, 2]) await insertConversation(model.pool, n);
      await join([1], userId);
      await join([2]);
      expect(idsOf(await inbox({}, userId, [userId]))).toEqual([uuid(1)]);
      expect(idsOf(await inbox())).toEqual([uuid(2)]);
    },
  );

  it('shows rows and position of one moment, whatever is written meanwhile', async () => {
    await insertConversation(model.pool, 1, messageRows(1, 2));
    await join([1]);
    const query = { filter: 'all', order: 'recent', limit: 50 } as const;
    const page = await model.read(async (snapshot) => {
      await model.pool.query('update read_model.conversations set message_count = 3, version = 4');
      await model.reach(11);
      return readInbox(snapshot, { params: {}, query, principal: principalOf('bob') });
    });
    expect(page).toMatchObject({
      asOf: `${EPOCH}:10`,
      items: [{ conversation: { version: 3 }, me: { unread: 2 } }],
    });
    expect(await inbox()).toMatchObject({
      asOf: `${EPOCH}:11`,
      items: [{ conversation: { version: 4 }, me: { unread: 3 } }],
    });
  });
});
