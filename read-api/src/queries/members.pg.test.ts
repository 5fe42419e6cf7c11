import { MAX_MEMBERS_WITH_RECEIPTS, type MembersPage, type Query, type Settings } from '@parley/contracts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ReadModel, timeOf, uuid } from '../testing/read-model.ts';
import { principalOf } from '../testing/rows.ts';
import { Story } from '../testing/story.ts';
import { readMembers } from './members.ts';
import { readReceipts } from './receipts.ts';

let model: ReadModel;
beforeAll(async () => {
  model = await ReadModel.start();
});
afterAll(() => model?.stop());
beforeEach(() => model.build());

const params = { conversationId: uuid(1) };
const members = (query: Partial<Query<'members'>> = {}, userId = 'ann'): Promise<MembersPage> =>
  model.read((snapshot) =>
    readMembers(snapshot, { params, query: { limit: 100, ...query }, principal: principalOf(userId) }),
  );
const receipts = (query: Query<'receipts'> = {}, userId = 'ann') =>
  model.read((snapshot) => readReceipts(snapshot, { params, query, principal: principalOf(userId) }));
const cursors = (page: MembersPage) =>
  page.items.map((each) => [each.userId, each.readOrdinal, each.deliveredOrdinal]);

/** Ann read 5 of 6, two of them privately; bob read 2 and received 4. */
async function readers(
  options: { type?: 'group' | 'channel'; settings?: Partial<Settings> } = {},
): Promise<void> {
  const story = new Story(uuid(1), options).send(6);
  Object.assign(story.members.get('ann') ?? {}, {
    read_ordinal: 5,
    delivered_ordinal: 5,
    receipt_ordinal: 3,
  });
  Object.assign(story.members.get('bob') ?? {}, {
    read_ordinal: 2,
    delivered_ordinal: 4,
    receipt_ordinal: 2,
  });
  await story.insert(model.pool);
}
const grow = () =>
  model.pool.query('update read_model.conversations set member_count = $1', [MAX_MEMBERS_WITH_RECEIPTS + 1]);

describe('members', () => {
  it('are those who are there, and not who has left; of one role when asked', async () => {
    const story = new Story(uuid(1));
    story.add({ kind: 'join', user: 'cyn', role: 'moderator' });
    story.add({ kind: 'leave', user: 'bob' });
    await story.insert(model.pool);
    const page = await members();
    expect(page).toMatchObject({ version: story.place.version, nextCursor: null });
    expect(page.items.map(({ userId, role }) => [userId, role])).toEqual([
      ['ann', 'owner'],
      ['cyn', 'moderator'],
    ]);
    expect(page.items[0]?.joinedAt).toBe(timeOf(1));
    expect((await members({ role: 'moderator' })).items.map(({ userId }) => userId)).toEqual(['cyn']);
  });

  it('come each once over the pages, whatever the ids look like', async () => {
    const ids = ['Ann', 'ünal', 'a.b', '*', '>', 'x y', '語', '%', "o'neil"];
    const story = new Story(uuid(1));
    for (const user of ids) story.add({ kind: 'join', user, role: 'member' });
    await story.insert(model.pool);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page: MembersPage = await members({ limit: 3, cursor });
      seen.push(...page.items.map(({ userId }) => userId));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen.toSorted()).toEqual([...ids, 'ann', 'bob'].toSorted());
  });

  it('show their cursors to each other, one’s private reading to oneself', async () => {
    await readers();
    expect(cursors(await members({}, 'ann'))).toEqual([
      ['ann', 5, 5],
      ['bob', 2, 4],
    ]);
    expect(cursors(await members({}, 'bob'))).toEqual([
      ['ann', 3, 5],
      ['bob', 2, 4],
    ]);
  });

  it('see only their own cursor where receipts are off or the conversation is large', async () => {
    await readers({ settings: { receipts: false } });
    const own = [
      ['ann', 5, 5],
      ['bob', null, null],
    ];
    expect(cursors(await members())).toEqual(own);
    await model.build();
    await readers();
    await grow();
    expect(cursors(await members())).toEqual(own);
  });

  it('show no cursors to a visitor', async () => {
    await readers({ type: 'channel' });
    expect(cursors(await members({}, 'zoe'))).toEqual([
      ['ann', null, null],
      ['bob', null, null],
    ]);
  });
});

describe('receipts', () => {
  it('say how far each has read and received, one’s own as it really is', async () => {
    await readers();
    expect((await receipts({}, 'bob')).items).toEqual([
      { userId: 'ann', readOrdinal: 3, deliveredOrdinal: 5 },
      { userId: 'bob', readOrdinal: 2, deliveredOrdinal: 4 },
    ]);
    expect((await receipts({}, 'ann')).items[0]).toEqual({
      userId: 'ann',
      readOrdinal: 5,
      deliveredOrdinal: 5,
    });
  });

  it.each([
    [4, ['ann', 'bob']],
    [5, ['ann']],
    [6, []],
    [999_999_999_999_999, []],
  ])('of message %i are of those who have it', async (ordinal, users) => {
    await readers();
    expect((await receipts({ ordinal })).items.map(({ userId }) => userId)).toEqual(users);
  });

  it('are refused where they are off and where the conversation is large', async () => {
    await readers({ settings: { receipts: false } });
    await expect(receipts()).rejects.toMatchObject({ code: 'not-allowed-here' });
    await model.build();
    await readers();
    await grow();
    await expect(receipts()).rejects.toMatchObject({ code: 'not-allowed-here' });
  });
});
