import type { MembersPage } from '@parley/contracts';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { ReadModel, timeOf, uuid } from '../testing/read-model.ts';
import { readMembers } from './members.ts';

let model: ReadModel;
beforeAll(async () => {
  model = await ReadModel.start();
});
afterAll(() => model?.stop());
beforeEach(async () => {
  await model.build();
  await model.conversation(uuid(1), { version: 9 });
});

const members = (limit: number, cursor?: string, userId = 'ann'): Promise<MembersPage> =>
  model.read((snapshot) => readMembers(snapshot, uuid(1), { limit, cursor }, userId));

it('lists who is there with their cursors, and not who has left', async () => {
  await model.member(uuid(1), 'ann', 3);
  await model.member(uuid(1), 'bob', 0, true);
  expect(await members(10)).toMatchObject({
    version: 9,
    items: [{ userId: 'ann', role: 'member', joinedAt: timeOf(0), readOrdinal: 3 }],
    nextCursor: null,
  });
});

it('gives each member once over its pages, whatever the ids look like', async () => {
  const ids = ['ann', 'Ann', 'ünal', 'a.b', '*', '>', 'x y', '語', '%', "o'neil"];
  for (const id of ids) await model.member(uuid(1), id);
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page: MembersPage = await members(3, cursor);
    seen.push(...page.items.map(({ userId }) => userId));
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  expect(seen.toSorted()).toEqual(ids.toSorted());
});

it('does not exist for who is not in it', async () => {
  await expect(members(10, undefined, 'zoe')).rejects.toMatchObject({ code: 'not-found' });
});
