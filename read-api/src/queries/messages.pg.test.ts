import type { Query } from '@parley/contracts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ReadModel, timeOf, uuid } from '../testing/read-model.ts';
import { principalOf } from '../testing/rows.ts';
import { Story } from '../testing/story.ts';
import { readHistory } from './history.ts';
import { readMessage } from './message.ts';
import { readMessages } from './messages.ts';
import { readPins } from './pins.ts';
import { readReactions } from './reactions.ts';
import { readThread } from './thread.ts';

let model: ReadModel;
beforeAll(async () => {
  model = await ReadModel.start();
});
afterAll(() => model?.stop());
beforeEach(() => model.build());

const params = { conversationId: uuid(1) };
const messages = (query: Partial<Query<'messages'>> = {}, userId = 'bob') =>
  model.read((snapshot) =>
    readMessages(snapshot, { params, query: { limit: 5, ...query }, principal: principalOf(userId) }),
  );
const on = (story: Story, ordinal: number) => ({
  ...params,
  messageId: String(story.messages[ordinal - 1]?.message_id),
});
const message = (story: Story, ordinal: number, userId = 'bob') =>
  model.read((snapshot) =>
    readMessage(snapshot, { params: on(story, ordinal), query: {}, principal: principalOf(userId) }),
  );
const thread = (story: Story, ordinal: number, query: Partial<Query<'thread'>> = {}, userId = 'bob') =>
  model.read((snapshot) =>
    readThread(snapshot, {
      params: on(story, ordinal),
      query: { limit: 2, ...query },
      principal: principalOf(userId),
    }),
  );
const hide = (ordinal: number, userId = 'bob') =>
  model.pool.query('insert into read_model.hidden_messages values ($1, $2, $3)', [userId, uuid(1), ordinal]);
const notFound = { code: 'not-found' };

describe('a page', () => {
  it.each([
    ['the newest by default', {}, [26, 27, 28, 29, 30], true, false],
    ['before an ordinal', { before: 4 }, [1, 2, 3], false, true],
    ['after an ordinal', { after: 10 }, [11, 12, 13, 14, 15], true, true],
    ['around an ordinal', { around: 10 }, [8, 9, 10, 11, 12], true, true],
    ['after everything', { after: 99_999_999_999 }, [], true, false],
  ])('comes in ascending order: %s', async (_, query, ordinals, hasBefore, hasAfter) => {
    await new Story(uuid(1)).send(30).insert(model.pool);
    const page = await messages(query);
    expect(page.items.map(({ ordinal }) => ordinal)).toEqual(ordinals);
    expect(page).toMatchObject({ version: 31, hasBefore, hasAfter });
  });

  it('is empty in a conversation without messages', async () => {
    await new Story(uuid(1)).insert(model.pool);
    expect(await messages()).toMatchObject({ items: [], hasBefore: false, hasAfter: false });
  });

  it('leaves out what the reader hid, and nobody else did', async () => {
    await new Story(uuid(1)).send(5).insert(model.pool);
    await hide(4);
    expect((await messages()).items.map(({ ordinal }) => ordinal)).toEqual([1, 2, 3, 5]);
    expect((await messages({}, 'ann')).items).toHaveLength(5);
  });

  it('begins after what retention emptied', async () => {
    await new Story(uuid(1), { row: { expired_ordinal: 3 } }).send(5).insert(model.pool);
    const page = await messages({ after: 0 });
    expect(page.items.map(({ ordinal }) => ordinal)).toEqual([4, 5]);
    expect(page.hasBefore).toBe(false);
  });
});

describe('history for members only', () => {
  const joined = () =>
    new Story(uuid(1), { type: 'channel', settings: { historyVisibility: 'joined' } }).send(3);

  it('begins where the member joined, also for single messages, threads and pins', async () => {
    const story = joined();
    story.add({ kind: 'join', user: 'cyn', role: 'member' });
    story.add({ kind: 'pin', by: 'ann', ordinal: 2, pinned: true });
    story.send(2);
    await story.insert(model.pool);
    const page = await messages({ after: 0 }, 'cyn');
    expect(page.items.map(({ ordinal }) => ordinal)).toEqual([4, 5]);
    expect(page.hasBefore).toBe(false);
    await expect(message(story, 3, 'cyn')).rejects.toMatchObject(notFound);
    await expect(thread(story, 3, {}, 'cyn')).rejects.toMatchObject(notFound);
    expect(await message(story, 4, 'cyn')).toMatchObject({ message: { ordinal: 4 } });
    const pins = (userId: string) =>
      model.read((snapshot) => readPins(snapshot, { params, query: {}, principal: principalOf(userId) }));
    expect((await pins('cyn')).items).toEqual([]);
    expect((await pins('ann')).items).toHaveLength(1);
  });

  it('shows a visitor nothing', async () => {
    const story = joined();
    await story.insert(model.pool);
    expect(await messages({}, 'zoe')).toMatchObject({ items: [], hasBefore: false, hasAfter: false });
    await expect(message(story, 3, 'zoe')).rejects.toMatchObject(notFound);
  });
});

describe('a message', () => {
  it('says what was edited, pinned, answered and how people reacted', async () => {
    const story = new Story(uuid(1)).send(1);
    story.add({ kind: 'edit', by: 'ann', ordinal: 1, body: 'second' });
    const edited = story.add({ kind: 'edit', by: 'cyn', ordinal: 1, body: 'third' });
    story.add({ kind: 'react', by: 'bob', ordinal: 1, emoji: '🎉', added: true });
    story.add({ kind: 'react', by: 'ann', ordinal: 1, emoji: '👍', added: true });
    story.add({ kind: 'react', by: 'cyn', ordinal: 1, emoji: '🎉', added: true });
    story.add({ kind: 'react', by: 'ann', ordinal: 1, emoji: '👀', added: true });
    story.add({ kind: 'react', by: 'ann', ordinal: 1, emoji: '👀', added: false });
    story.add({ kind: 'pin', by: 'ann', ordinal: 1, pinned: true });
    const first = story.add({ kind: 'send', by: 'bob', body: 'a', thread: 1 });
    story.add({ kind: 'send', by: 'bob', body: 'b', thread: 1 });
    story.add({ kind: 'delete', by: 'bob', ordinal: 3 });
    await story.insert(model.pool);
    expect((await message(story, 1)).message).toMatchObject({
      conversationId: uuid(1),
      ordinal: 1,
      senderId: 'ann',
      body: 'third',
      edited: { at: edited.at, by: 'cyn', count: 2 },
      deleted: null,
      pinned: true,
      thread: { count: 1, lastAt: first.at },
      reactions: [
        { emoji: '🎉', count: 2, mine: true },
        { emoji: '👍', count: 1, mine: false },
      ],
      version: edited.version,
    });
    expect((await message(story, 2)).message).toMatchObject({
      threadId: on(story, 1).messageId,
      thread: null,
    });
  });

  it('leaves a tombstone when it is deleted', async () => {
    const story = new Story(uuid(1));
    const row = { mentions: { users: ['bob'], all: true, here: false }, metadata: { a: 1 } };
    story.add({ kind: 'send', by: 'ann', body: 'hi', row });
    story.add({ kind: 'react', by: 'bob', ordinal: 1, emoji: '👍', added: true });
    story.add({ kind: 'pin', by: 'ann', ordinal: 1, pinned: true });
    const deleted = story.add({ kind: 'delete', by: 'mod', ordinal: 1 });
    await story.insert(model.pool);
    expect((await message(story, 1)).message).toMatchObject({
      body: null,
      reactions: [],
      metadata: null,
      mentions: { users: [], all: false, here: false },
      pinned: false,
      deleted: { at: deleted.at, by: 'mod', reason: null },
    });
    const { items } = await model.read((snapshot) =>
      readPins(snapshot, { params, query: {}, principal: principalOf('bob') }),
    );
    expect(items).toEqual([]);
  });

  it('does not exist for who hid it, by another id, in another conversation, or after it expired', async () => {
    const story = new Story(uuid(1), { row: { expired_ordinal: 1 } }).send(3);
    const other = new Story(uuid(2), { sequence: 100 }).send(1);
    await story.insert(model.pool);
    await other.insert(model.pool);
    await hide(2);
    for (const ordinal of [1, 2]) await expect(message(story, ordinal)).rejects.toMatchObject(notFound);
    await expect(message(other, 1)).rejects.toMatchObject(notFound);
    expect(await message(story, 3)).toMatchObject({ message: { ordinal: 3 } });
  });
});

describe('a message that the reader hid', () => {
  it('has no thread, history or reactions for them, and has all of it for the others', async () => {
    const story = new Story(uuid(1)).send(1);
    story.add({ kind: 'edit', by: 'ann', ordinal: 1, body: 'better' });
    story.add({ kind: 'react', by: 'ann', ordinal: 1, emoji: '👍', added: true });
    story.add({ kind: 'send', by: 'ann', body: 'reply', thread: 1 });
    await story.insert(model.pool);
    await hide(1);
    const query = { limit: 10 };
    const asked = (userId: string) => {
      const request = { params: on(story, 1), principal: principalOf(userId) };
      return [
        () => model.read((it) => readMessage(it, { ...request, query: {} })),
        () => model.read((it) => readHistory(it, { ...request, query: {} })),
        () => model.read((it) => readReactions(it, { ...request, query })),
        () => model.read((it) => readThread(it, { ...request, query })),
      ];
    };
    for (const answer of asked('bob')) await expect(answer()).rejects.toMatchObject(notFound);
    for (const answer of asked('ann')) await expect(answer()).resolves.toBeDefined();
  });
});

describe('a thread', () => {
  it('pages through its replies, the newest first asked for', async () => {
    const story = new Story(uuid(1)).send(2);
    for (const body of ['a', 'b', 'c', 'd', 'e']) {
      story.add({ kind: 'send', by: 'bob', body, thread: 1 });
      story.send(1);
    }
    await story.insert(model.pool);
    const page = async (query: Partial<Query<'thread'>>) => {
      const { items, hasBefore, hasAfter } = await thread(story, 1, query);
      return [items.map(({ body }) => body).join(''), hasBefore, hasAfter];
    };
    expect(await page({})).toEqual(['de', true, false]);
    expect(await page({ before: 9 })).toEqual(['bc', true, true]);
    expect(await page({ before: 5 })).toEqual(['a', false, true]);
    expect(await page({ before: 0 })).toEqual(['', false, true]);
    expect(await page({ after: 0 })).toEqual(['ab', false, true]);
    expect(await page({ after: 9 })).toEqual(['e', true, false]);
    expect(await page({ after: 999_999_999_999 })).toEqual(['', true, false]);
    expect((await thread(story, 2)).items).toEqual([]);
  });
});

describe('the history of a message', () => {
  const history = (story: Story, ordinal: number) =>
    model.read((snapshot) =>
      readHistory(snapshot, { params: on(story, ordinal), query: {}, principal: principalOf('bob') }),
    );

  it('is every text it had, and none once it is deleted', async () => {
    const story = new Story(uuid(1)).send(3);
    const edited = story.add({ kind: 'edit', by: 'ann', ordinal: 1, body: 'better' });
    story.add({ kind: 'delete', by: 'ann', ordinal: 3 });
    await story.insert(model.pool);
    expect((await history(story, 1)).items).toEqual([
      { at: timeOf(2), by: 'ann', body: 'message 1', format: 'plain', ciphertext: null, version: 2 },
      {
        at: edited.at,
        by: 'ann',
        body: 'better',
        format: 'plain',
        ciphertext: null,
        version: edited.version,
      },
    ]);
    expect((await history(story, 2)).items).toMatchObject([{ body: 'message 2', version: 3 }]);
    expect((await history(story, 3)).items).toEqual([]);
  });
});

describe('reactions', () => {
  it('are listed in the order in which they came, each once over the pages', async () => {
    const story = new Story(uuid(1)).send(1);
    const users = ['e', 'd', 'c', 'b', 'a'];
    for (const by of users) story.add({ kind: 'react', by, ordinal: 1, emoji: '👍', added: true });
    story.add({ kind: 'react', by: 'c', ordinal: 1, emoji: '👍', added: false });
    story.add({ kind: 'react', by: 'e', ordinal: 1, emoji: ':ok:', added: true });
    await story.insert(model.pool);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const query = { limit: 2, cursor };
      const page = await model.read((snapshot) =>
        readReactions(snapshot, { params: on(story, 1), query, principal: principalOf('bob') }),
      );
      seen.push(...page.items.map((each) => each.userId + each.emoji));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen).toEqual(['e👍', 'd👍', 'b👍', 'a👍', 'e:ok:']);
  });
});

describe('pins', () => {
  it('are what is pinned now, the last pinned first', async () => {
    const story = new Story(uuid(1)).send(4);
    for (const ordinal of [1, 2, 3, 4]) story.add({ kind: 'pin', by: 'ann', ordinal, pinned: true });
    story.add({ kind: 'pin', by: 'ann', ordinal: 3, pinned: false });
    const again = story.add({ kind: 'pin', by: 'mod', ordinal: 1, pinned: true });
    await story.insert(model.pool);
    await hide(4);
    const { items } = await model.read((snapshot) =>
      readPins(snapshot, { params, query: {}, principal: principalOf('bob') }),
    );
    expect(items.map((each) => each.message.ordinal)).toEqual([1, 2]);
    expect(items[0]).toMatchObject({ pinnedAt: again.at, pinnedBy: 'mod', message: { pinned: true } });
  });
});
