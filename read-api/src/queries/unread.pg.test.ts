import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { EPOCH, ReadModel, uuid } from '../testing/read-model.ts';
import { readUnread } from './unread.ts';

let model: ReadModel;
beforeAll(async () => {
  model = await ReadModel.start();
});
afterAll(() => model?.stop());
beforeEach(() => model.build());

const unread = (userId: string) => model.read((snapshot) => readUnread(snapshot, userId));

it('is nothing for somebody who is nowhere', async () => {
  expect(await unread('zoe')).toEqual({ asOf: `${EPOCH}:10`, total: 0, conversations: 0 });
});

it('adds up what lies behind the cursors and is not deleted, where the user still is', async () => {
  await model.conversation(uuid(1), { messages: 10, deleted: [3, 8, 9] });
  await model.conversation(uuid(2), { messages: 4 });
  await model.conversation(uuid(3), { messages: 4, deleted: [4] });
  await model.conversation(uuid(4), { messages: 7 });
  await model.member(uuid(1), 'bob', 5);
  await model.member(uuid(2), 'bob', 4);
  await model.member(uuid(3), 'bob', 3);
  await model.member(uuid(4), 'bob', 0, true);
  expect(await unread('bob')).toMatchObject({ total: 3, conversations: 1 });
});
