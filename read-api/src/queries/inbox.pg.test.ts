import type { InboxPage, InboxQuery } from '@parley/contracts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EPOCH, ReadModel, timeOf, uuid } from '../testing/read-model.ts';
import { inboxSql, readInbox } from './inbox.ts';

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

  it('of a thousand conversations is one statement that reads no big table from end to end', async () => {
    await model.pool.query(`
      INSERT INTO read_model.conversations SELECT gen_random_uuid(), 'group', NULL, NULL, now(), 'ann', 2, 1, 0, now(), 2, 9
        FROM generate_series(1, 80000);
      INSERT INTO read_model.members SELECT id, 'user' || row_number() OVER (), 'member', now(), 1, 0, NULL, NULL
        FROM read_model.conversations;
      INSERT INTO read_model.members SELECT id, 'bob', 'member', now(), 1, 0, NULL, NULL
        FROM read_model.conversations LIMIT 1000;
      INSERT INTO read_model.messages (conversation_id, ordinal, message_id, sequence, sender_id, sent_at, body, format, version)
        SELECT id, 1, id, 1, 'ann', now(), 'x', 'plain', 2 FROM read_model.conversations;
      ANALYZE read_model.conversations; ANALYZE read_model.members; ANALYZE read_model.messages`);
    const values = ['bob', 'all', 201, null, null];
    expect(await model.scanned(inboxSql('recent'), values)).toEqual([]);
    expect(await model.scanned(inboxSql('unread'), [...values, null])).toEqual([]);
    const { items } = await inbox({ limit: 200 });
    expect(items).toHaveLength(200);
  });
});
