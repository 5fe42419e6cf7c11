import { DEFAULT_SETTINGS, type QueryInput, type ThreadsPage } from '@parley/contracts';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { ask, askAll } from '../testing/ask.ts';
import { ReadModel, timeOf, uuid } from '../testing/read-model.ts';
import { insert, insertConversation, memberRow, messageRow, principalOf } from '../testing/rows.ts';
import { readThreads } from './threads.ts';
import { readUnread } from './unread.ts';

let model: ReadModel;
beforeAll(async () => {
  model = await ReadModel.start();
});
afterAll(() => model?.stop());
beforeEach(() => model.build());

const threads = (query: QueryInput<'threads'> = {}): Promise<ThreadsPage> =>
  ask(model, ['threads', readThreads], query, principalOf('bob'));
const rootsOf = async (query: QueryInput<'threads'> = {}) =>
  (await threads(query)).items.map(({ root, unread }) => [root.ordinal, unread]);
const badge = async () => (await ask(model, ['unread', readUnread], {}, principalOf('bob'))).threads;
const follow = (n: number, ordinal: number, readOrdinal: number, userId = 'bob') =>
  insert(model.pool, 'thread_followers', [
    { user_id: userId, conversation_id: uuid(n), ordinal, followed_from: ordinal, read_ordinal: readOrdinal },
  ]);
const thread = (n: number, ordinal: number, replies: number, last: number) => ({
  conversation_id: uuid(n),
  ordinal,
  reply_count: replies,
  last_reply_ordinal: last,
  last_reply_at: timeOf(last),
  last_reply_sequence: last * 10,
});

/** Roots 1, 2 and 3; the replies 4, 5 and 8 are in the first thread, 6 in the second, 7 in the third. */
async function threeThreads(row: Parameters<typeof insertConversation>[3] = {}): Promise<void> {
  const reply = (ordinal: number, root: number) =>
    messageRow(1, ordinal, { thread_ordinal: root, thread_id: uuid(1_000_000 + root) });
  await insertConversation(
    model.pool,
    1,
    [
      ...[1, 2, 3].map((ordinal) => messageRow(1, ordinal)),
      reply(4, 1),
      reply(5, 1),
      reply(6, 2),
      reply(7, 3),
      reply(8, 1),
    ],
    row,
  );
  await insert(model.pool, 'threads', [thread(1, 1, 3, 8), thread(1, 2, 1, 6), thread(1, 3, 1, 7)]);
}

it('are those that the user follows, the one with the newest reply first', async () => {
  await threeThreads();
  await insert(model.pool, 'members', [memberRow(1, 'bob'), memberRow(1, 'cyn')]);
  await follow(1, 1, 4);
  await follow(1, 2, 6);
  await follow(1, 3, 3, 'cyn');
  expect((await threads()).items).toMatchObject([
    {
      conversationId: uuid(1),
      root: { ordinal: 1, body: 'message 1', thread: { count: 3, lastAt: timeOf(8) } },
      readOrdinal: 4,
      unread: 2,
      lastReplyAt: timeOf(8),
    },
    { root: { ordinal: 2, thread: { count: 1 } }, readOrdinal: 6, unread: 0, lastReplyAt: timeOf(6) },
  ]);
  expect(await rootsOf({ unread: 'true' })).toEqual([[1, 2]]);
});

it('count no reply that is deleted, hidden, or from before the user joined', async () => {
  await threeThreads();
  await insert(model.pool, 'members', [memberRow(1, 'bob', { joined_ordinal: 4 })]);
  await follow(1, 1, 1);
  await follow(1, 3, 3);
  expect(await rootsOf()).toEqual([
    [1, 2],
    [3, 1],
  ]);
  await model.pool.query('update read_model.messages set deleted_at = now() where ordinal = 5');
  await insert(model.pool, 'hidden_messages', [{ user_id: 'bob', conversation_id: uuid(1), ordinal: 7 }]);
  expect(await rootsOf()).toEqual([
    [1, 1],
    [3, 0],
  ]);
  expect(await rootsOf({ unread: 'true' })).toEqual([[1, 1]]);
});

it('keep the place of a deleted root and drop one that the reader may not see', async () => {
  await threeThreads({ expired_ordinal: 2 });
  await insert(model.pool, 'members', [memberRow(1, 'bob', { joined_ordinal: 1 })]);
  for (const root of [1, 2, 3]) await follow(1, root, root);
  await model.pool.query(
    'update read_model.messages set deleted_at = now(), deleted_by = sender_id where ordinal = 3',
  );
  expect(await rootsOf()).toEqual([[3, 1]]);
  expect(await badge()).toBe(1);
  await model.pool.query('update read_model.conversations set expired_ordinal = 0, settings = $1', [
    { ...DEFAULT_SETTINGS, historyVisibility: 'joined' },
  ]);
  await insert(model.pool, 'hidden_messages', [{ user_id: 'bob', conversation_id: uuid(1), ordinal: 3 }]);
  expect(await rootsOf()).toEqual([[2, 1]]);
  expect(await badge()).toBe(1);
});

it.each([
  ['the user has left', `update read_model.members set left_sequence = 9`],
  ['is deleted', `update read_model.conversations set deleted_at = now()`],
])('are none in a conversation that %s', async (_what, change) => {
  await threeThreads();
  await insert(model.pool, 'members', [memberRow(1, 'bob')]);
  await follow(1, 1, 1);
  expect(await rootsOf()).toEqual([[1, 3]]);
  await model.pool.query(change);
  expect(await rootsOf()).toEqual([]);
});

it('come once each over the pages, also those with their newest reply in one commit', async () => {
  await threeThreads();
  await insert(model.pool, 'members', [memberRow(1, 'bob')]);
  for (const root of [1, 2, 3]) await follow(1, root, root);
  await model.pool.query('update read_model.threads set last_reply_sequence = 80');
  for (const limit of [1, 2]) {
    const items = await askAll((cursor) => threads({ limit: String(limit), cursor }), limit);
    expect(items.map(({ root }) => root.ordinal)).toEqual([1, 3, 2]);
  }
});
