import type { InboxPage, InboxQuery } from '@parley/contracts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EPOCH, ReadModel, timeOf, uuid } from '../testing/read-model.ts';
import { readConversation } from './conversation.ts';
import { readInbox } from './inbox.ts';
import { readMembers } from './members.ts';
import { readMessages } from './messages.ts';
import { readUnread } from './unread.ts';

let model: ReadModel;
beforeAll(async () => {
  model = await ReadModel.start();
});
afterAll(() => model?.stop());
beforeEach(() => model.build());

const inbox = (query: Partial<InboxQuery> = {}, userId = 'bob'): Promise<InboxPage> =>
  model.read((snapshot) =>
    readInbox(snapshot, { filter: 'all', order: 'recent', limit: 50, ...query }, userId),
  );
const idsOf = (page: InboxPage) => page.items.map(({ conversation }) => conversation.id);

describe('the inbox', () => {
  it('shows a conversation with its last message and what is unread in it', async () => {
    await model.conversation(uuid(1), { messages: 5, deleted: [2, 4] });
    await model.member(uuid(1), 'bob', 3);
    expect(await inbox()).toEqual({
      asOf: `${EPOCH}:10`,
      nextCursor: null,
      items: [
        {
          conversation: {
            id: uuid(1),
            type: 'group',
            title: 'Room',
            description: null,
            createdAt: timeOf(0),
            createdBy: 'ann',
            memberCount: 0,
            messageCount: 5,
            lastMessage: expect.objectContaining({
              ordinal: 5,
              senderId: 'ann',
              preview: 'message 5',
              sentAt: timeOf(5),
            }),
            version: 6,
          },
          me: { role: 'member', joinedAt: timeOf(0), readOrdinal: 3, unread: 1 },
        },
      ],
    });
  });

  it('cuts the preview at 140 characters and has none of a deleted message', async () => {
    await model.conversation(uuid(1), { messages: 2 });
    await model.conversation(uuid(2), { messages: 2, deleted: [2] });
    await model.conversation(uuid(3));
    await model.pool.query(
      "UPDATE read_model.messages SET body = repeat('\u{1f44b}', 200) WHERE conversation_id = $1",
      [uuid(1)],
    );
    for (const n of [1, 2, 3]) await model.member(uuid(n), 'bob');
    const { items } = await inbox();
    const previews = new Map(
      items.map(({ conversation }) => [conversation.id, conversation.lastMessage?.preview]),
    );
    expect(previews.get(uuid(1))).toBe('\u{1f44b}'.repeat(140));
    expect(previews.get(uuid(2))).toBeNull();
    expect(previews.get(uuid(3))).toBeUndefined();
  });

  it('leaves out conversations that the user has left or never joined', async () => {
    for (const n of [1, 2, 3]) await model.conversation(uuid(n));
    await model.member(uuid(1), 'bob');
    await model.member(uuid(2), 'bob', 0, true);
    await model.member(uuid(3), 'cyn');
    expect(idsOf(await inbox())).toEqual([uuid(1)]);
  });

  it.each(['direct', 'group', 'channel'] as const)('filters by type: %s', async (filter) => {
    for (const [n, type] of ['direct', 'group', 'channel'].entries()) {
      await model.conversation(uuid(n), { type });
      await model.member(uuid(n), 'bob');
    }
    const { items } = await inbox({ filter });
    expect(items.map(({ conversation }) => conversation.type)).toEqual([filter]);
  });

  it('filters by unread, and sorts by it', async () => {
    for (const n of [1, 2, 3, 4])
      await model.conversation(uuid(n), { messages: n, createdAt: timeOf(-100 * n) });
    for (const [n, read] of [
      [1, 0],
      [2, 2],
      [3, 1],
      [4, 3],
    ] as const)
      await model.member(uuid(n), 'bob', read);
    expect(idsOf(await inbox({ filter: 'unread' }))).toEqual([uuid(1), uuid(3), uuid(4)]);
    expect(idsOf(await inbox({ order: 'unread' }))).toEqual([uuid(3), uuid(1), uuid(4), uuid(2)]);
  });

  it.each(['recent', 'unread'] as const)(
    'gives each conversation once over its pages, in one order: %s',
    async (order) => {
      for (let n = 0; n < 23; n++) {
        await model.conversation(uuid(n), { messages: n % 4, createdAt: timeOf(n % 3) });
        await model.member(uuid(n), 'bob');
      }
      const whole = idsOf(await inbox({ order }));
      expect(new Set(whole).size).toBe(23);
      const paged: string[] = [];
      let cursor: string | undefined;
      do {
        const page: InboxPage = await inbox({ order, limit: 5, cursor });
        paged.push(...idsOf(page));
        cursor = page.nextCursor ?? undefined;
      } while (cursor !== undefined);
      expect(paged).toEqual(whole);
    },
  );

  it('takes a cursor of its own making only', async () => {
    await model.conversation(uuid(1), { messages: 1 });
    await model.member(uuid(1), 'bob');
    for (const cursor of ['x', Buffer.from('[1,2]').toString('base64url')]) {
      await expect(inbox({ cursor })).rejects.toMatchObject({
        code: 'invalid-request',
        extras: { errors: [{ path: 'cursor' }] },
      });
    }
  });

  it('loses no conversation whose activity differs only below the millisecond', async () => {
    for (let n = 0; n < 6; n++) {
      await model.conversation(uuid(n));
      await model.member(uuid(n), 'bob');
    }
    await model.pool.query(
      "update read_model.conversations set created_at = $1::timestamptz + (random() * 900)::int * interval '1 microsecond'",
      [timeOf(0)],
    );
    const first = await inbox({ limit: 3 });
    const second = await inbox({ limit: 3, cursor: first.nextCursor ?? 'none' });
    expect([...idsOf(first), ...idsOf(second)]).toEqual([5, 4, 3, 2, 1, 0].map(uuid));
    expect(second.nextCursor).toBeNull();
  });

  it.each(["o'neil", '"ann"', '100%', '_', 'a\\b', '語 👋', "'; drop schema read_model cascade; --"])(
    'belongs to exactly one user id: %s',
    async (userId) => {
      await model.conversation(uuid(1));
      await model.conversation(uuid(2));
      await model.member(uuid(1), userId);
      await model.member(uuid(2), 'bob');
      expect(idsOf(await inbox({}, userId))).toEqual([uuid(1)]);
      expect(idsOf(await inbox())).toEqual([uuid(2)]);
    },
  );

  it('shows rows and position of one moment, whatever is written meanwhile', async () => {
    await model.conversation(uuid(1), { messages: 2 });
    await model.member(uuid(1), 'bob');
    const page = await model.read(async (snapshot) => {
      await model.pool.query('update read_model.conversations set message_count = 3, version = 4');
      await model.reach(11);
      return readInbox(snapshot, { filter: 'all', order: 'recent', limit: 50 }, 'bob');
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

describe('with 200,000 member rows and 300,000 messages', () => {
  const inboxQuery = { filter: 'all', order: 'recent', limit: 200 } as const;
  beforeEach(() =>
    model.pool.query(`
      insert into read_model.conversations select gen_random_uuid(), 'group', null, null, now(), 'ann', 2, 3, 2, now(), 4, 9
        from generate_series(1, 100000);
      insert into read_model.members select id, 'user' || row_number() over (), 'member', now(), 1, 0, null, null
        from read_model.conversations;
      insert into read_model.members
        select id, case when n <= 1000 then 'bob' else 'other' || n end, 'member', now(), 1, 0, null, null
        from (select id, row_number() over () as n from read_model.conversations) numbered;
      insert into read_model.messages
          (conversation_id, ordinal, message_id, sequence, sender_id, sent_at, body, format, deleted_at, version)
        select id, n, gen_random_uuid(), n, 'ann', now(), 'x', 'plain', case when n = 2 then now() end, n + 1
        from read_model.conversations, generate_series(1, 3) n;
      analyze read_model.conversations; analyze read_model.members; analyze read_model.messages`),
  );

  it('no query of one user with 1,000 conversations reads a table from end to end', async () => {
    const page = await inbox(inboxQuery);
    expect(page.items).toHaveLength(200);
    expect(page.items[0]?.me.unread).toBe(2);
    const id = page.items[0]?.conversation.id ?? '';
    const scans = await Promise.all([
      model.scannedBy((snapshot) => readInbox(snapshot, inboxQuery, 'bob')),
      model.scannedBy((snapshot) =>
        readInbox(snapshot, { ...inboxQuery, order: 'unread', filter: 'unread' }, 'bob'),
      ),
      model.scannedBy((snapshot) => readUnread(snapshot, 'bob')),
      model.scannedBy((snapshot) => readConversation(snapshot, id, 'bob')),
      model.scannedBy((snapshot) => readMembers(snapshot, id, { limit: 500 }, 'bob')),
      model.scannedBy((snapshot) => readMessages(snapshot, id, { limit: 200 }, 'bob')),
    ]);
    expect(scans.flat()).toEqual([]);
  });
});
