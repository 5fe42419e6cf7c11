import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { EPOCH, ReadModel, uuid } from '../testing/read-model.ts';
import { insert, principalOf } from '../testing/rows.ts';
import { Story } from '../testing/story.ts';
import { readConversation } from './conversation.ts';

let model: ReadModel;
beforeAll(async () => {
  model = await ReadModel.start();
});
afterAll(() => model?.stop());
beforeEach(() => model.build());

const read = (userId: string, segments: string[] = []) =>
  model.read((snapshot) =>
    readConversation(snapshot, {
      params: { conversationId: uuid(1) },
      query: {},
      principal: principalOf(userId, segments),
    }),
  );

it('is shown to a member with what they have not read', async () => {
  const story = new Story(uuid(1)).send(3);
  story.add({ kind: 'send', by: 'ann', body: 'reply', thread: 1 });
  story.add({ kind: 'delete', by: 'ann', ordinal: 2 });
  await story.insert(model.pool);
  expect(await read('bob')).toMatchObject({
    asOf: `${EPOCH}:10`,
    conversation: {
      id: uuid(1),
      memberCount: 2,
      messageCount: 4,
      version: story.place.version,
      archived: false,
      lastMessage: { ordinal: 3, preview: 'message 3' },
    },
    me: { role: 'member', readOrdinal: 0, unread: 2 },
  });
});

it('is a channel that anybody may look at, without being anything in it', async () => {
  await new Story(uuid(1), { type: 'channel' }).insert(model.pool);
  expect(await read('zoe')).toMatchObject({ conversation: { type: 'channel', lastMessage: null }, me: null });
});

it('is a broadcast whose audience has cursors of their own, and is named to members only', async () => {
  const row = { audience: 'custom', audience_user_ids: ['zoe', 'yan'] };
  await new Story(uuid(1), { type: 'broadcast', row }).send(3).insert(model.pool);
  const cursor = { conversation_id: uuid(1), user_id: 'zoe', read_ordinal: 1, delivered_ordinal: 2 };
  await insert(model.pool, 'audience_cursors', [cursor]);
  expect(await read('zoe')).toMatchObject({
    conversation: { audience: { kind: 'custom' } },
    me: { role: null, joinedAt: null, readOrdinal: 1, deliveredOrdinal: 2, unread: 2 },
  });
  expect((await read('zoe')).conversation.audience).toEqual({ kind: 'custom' });
  expect((await read('yan')).me).toMatchObject({ readOrdinal: 0, unread: 3 });
  expect((await read('ann')).conversation.audience).toEqual({ kind: 'custom', userIds: ['zoe', 'yan'] });
});

it('shows no last message that the reader may not see, and no text of one that they hid', async () => {
  const settings = { historyVisibility: 'joined' } as const;
  const story = new Story(uuid(1), { type: 'channel', settings }).send(2);
  story.add({ kind: 'join', user: 'cyn', role: 'member' });
  await story.insert(model.pool);
  expect((await read('ann')).conversation.lastMessage).toMatchObject({ ordinal: 2, preview: 'message 2' });
  expect((await read('cyn')).conversation.lastMessage).toBeNull();
  expect((await read('zoe')).conversation.lastMessage).toBeNull();
  await insert(model.pool, 'hidden_messages', [{ user_id: 'bob', conversation_id: uuid(1), ordinal: 2 }]);
  expect((await read('bob')).conversation.lastMessage).toMatchObject({ ordinal: 2, preview: null });
});

it('has no last message once all have expired', async () => {
  await new Story(uuid(1), { row: { expired_ordinal: 2 } }).send(2).insert(model.pool);
  expect(await read('bob')).toMatchObject({ conversation: { lastMessage: null }, me: { unread: 0 } });
});
