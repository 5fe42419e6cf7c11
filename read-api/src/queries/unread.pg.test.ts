import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { EPOCH, ReadModel, uuid } from '../testing/read-model.ts';
import { readInbox } from './inbox.ts';
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

it('equals a count of the messages behind each cursor, whatever was deleted', async () => {
  const room = fc.record({
    messages: fc.nat(12),
    deleted: fc.array(fc.nat(11)),
    read: fc.nat(12),
    isGone: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(room, { maxLength: 4 }), async (rooms) => {
      await model.empty();
      const expected = new Map<string, number>();
      for (const [n, { messages, deleted, read, isGone }] of rooms.entries()) {
        const tombstones = [...new Set(deleted.map((each) => each + 1))].filter((each) => each <= messages);
        const readOrdinal = Math.min(read, messages);
        await model.conversation(uuid(n), { messages, deleted: tombstones });
        await model.member(uuid(n), 'bob', readOrdinal, isGone);
        const behind = Array.from({ length: messages }, (_, i) => i + 1).filter(
          (ordinal) => ordinal > readOrdinal && !tombstones.includes(ordinal),
        );
        if (!isGone) expected.set(uuid(n), behind.length);
      }
      const inbox = await model.read((snapshot) =>
        readInbox(snapshot, { filter: 'all', order: 'recent', limit: 200 }, 'bob'),
      );
      expect(new Map(inbox.items.map(({ conversation, me }) => [conversation.id, me.unread]))).toEqual(
        expected,
      );
      const counts = [...expected.values()];
      expect(await unread('bob')).toMatchObject({
        total: counts.reduce((sum, count) => sum + count, 0),
        conversations: counts.filter((count) => count > 0).length,
      });
    }),
    { numRuns: 60 },
  );
});
