import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { EPOCH, ReadModel, uuid } from '../testing/read-model.ts';
import { readConversation } from './conversation.ts';

let model: ReadModel;
beforeAll(async () => {
  model = await ReadModel.start();
});
afterAll(() => model?.stop());
beforeEach(() => model.build());

const read = (userId: string, id = uuid(1)) =>
  model.read((snapshot) => readConversation(snapshot, id, userId));

it('is shown to a member with what they have not read', async () => {
  await model.conversation(uuid(1), { messages: 3, deleted: [2] });
  await model.member(uuid(1), 'bob', 1);
  expect(await read('bob')).toMatchObject({
    asOf: `${EPOCH}:10`,
    conversation: {
      id: uuid(1),
      messageCount: 3,
      version: 4,
      lastMessage: { ordinal: 3, preview: 'message 3' },
    },
    me: { role: 'member', readOrdinal: 1, unread: 1 },
  });
});

it('is a channel that anybody may look at', async () => {
  await model.conversation(uuid(1), { type: 'channel' });
  expect(await read('zoe')).toMatchObject({ conversation: { type: 'channel', lastMessage: null }, me: null });
});

it.each(['direct', 'group'])('does not exist for who is not in it: %s', async (type) => {
  await model.conversation(uuid(1), { type });
  await model.member(uuid(1), 'gone', 0, true);
  const notFound = expect.objectContaining({ code: 'not-found' });
  await expect(read('zoe')).rejects.toEqual(notFound);
  await expect(read('gone')).rejects.toEqual(notFound);
  await expect(read('zoe', uuid(2))).rejects.toEqual(notFound);
});
