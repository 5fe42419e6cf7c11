import type { MessagesQuery } from '@parley/contracts';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { ReadModel, timeOf, uuid } from '../testing/read-model.ts';
import { readMessages } from './messages.ts';

let model: ReadModel;
beforeAll(async () => {
  model = await ReadModel.start();
});
afterAll(() => model?.stop());
beforeEach(async () => {
  await model.build();
  await model.conversation(uuid(1), { messages: 30, deleted: [29] });
  await model.member(uuid(1), 'bob');
});

const messages = (query: Partial<MessagesQuery> = {}, userId = 'bob') =>
  model.read((snapshot) => readMessages(snapshot, uuid(1), { limit: 5, ...query }, userId));

it.each([
  ['the newest by default', {}, [26, 27, 28, 29, 30], true, false],
  ['before an ordinal', { before: 4 }, [1, 2, 3], false, true],
  ['after an ordinal', { after: 10 }, [11, 12, 13, 14, 15], true, true],
  ['around an ordinal', { around: 10 }, [8, 9, 10, 11, 12], true, true],
  ['after everything', { after: 99_999_999_999 }, [], true, false],
])('come in ascending order: %s', async (_, query, ordinals, hasBefore, hasAfter) => {
  const page = await messages(query);
  expect(page.items.map(({ ordinal }) => ordinal)).toEqual(ordinals);
  expect(page).toMatchObject({ version: 31, hasBefore, hasAfter });
});

it('say what was edited and what was deleted', async () => {
  await model.pool.query(
    `UPDATE read_model.messages SET edited_at = $1, edited_by = 'cyn', edit_count = 2, version = 40, metadata = '{"a":[1]}',
       reply_to = message_id WHERE ordinal = 30`,
    [timeOf(50)],
  );
  const [tombstone, edited] = (await messages({ limit: 2 })).items;
  expect(tombstone).toMatchObject({ body: null, deleted: { by: 'mod', reason: null }, edited: null });
  expect(edited).toMatchObject({
    conversationId: uuid(1),
    sequence: 30,
    body: 'message 30',
    metadata: { a: [1] },
    replyTo: edited?.messageId,
    edited: { at: timeOf(50), by: 'cyn', count: 2 },
    deleted: null,
    version: 40,
  });
});

it('are not there for who is not in the conversation', async () => {
  await expect(messages({}, 'zoe')).rejects.toMatchObject({ code: 'not-found' });
});

it('are none in a conversation without any', async () => {
  await model.conversation(uuid(2));
  await model.member(uuid(2), 'bob');
  const page = await model.read((snapshot) => readMessages(snapshot, uuid(2), { limit: 5 }, 'bob'));
  expect(page).toMatchObject({ items: [], hasBefore: false, hasAfter: false });
});
