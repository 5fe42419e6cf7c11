import { DEFAULT_SETTINGS, type QueryInput, type SearchPage } from '@parley/contracts';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { ask, askAll } from '../testing/ask.ts';
import { ReadModel, timeOf, uuid } from '../testing/read-model.ts';
import {
  insert,
  insertConversation,
  memberRow,
  messageRow,
  messageRows,
  principalOf,
} from '../testing/rows.ts';
import { readSearch } from './search.ts';

let model: ReadModel;
beforeAll(async () => {
  model = await ReadModel.start();
});
afterAll(() => model?.stop());
beforeEach(() => model.build());

const search = (query: QueryInput<'search'>, segments: string[] = []): Promise<SearchPage> =>
  ask(model, ['search', readSearch], query, principalOf('bob', segments));
const found = async (q: string, query: Partial<QueryInput<'search'>> = {}) =>
  (await search({ q, ...query })).items.map(({ message }) => [
    Number(message.conversationId.slice(-12)),
    message.ordinal,
  ]);
const saying = (n: number, bodies: string[]) =>
  insertConversation(
    model.pool,
    n,
    bodies.map((body, i) => messageRow(n, i + 1, { body, sequence: (i + 1) * 10 + n })),
  );

it('finds words in the conversations of the user, newest first, and marks them', async () => {
  await saying(1, ['The quick brown fox', 'jumps over', 'the lazy FOX of 1\u00bd years']);
  await saying(2, ['a fox, again']);
  await saying(3, ['a fox of other people']);
  await insert(model.pool, 'members', [memberRow(1, 'bob'), memberRow(2, 'bob'), memberRow(3, 'cyn')]);
  expect((await search({ q: 'fox' })).items).toMatchObject([
    {
      message: { conversationId: uuid(1), ordinal: 3, body: 'the lazy FOX of 1\u00bd years' },
      conversationTitle: 'Room 1',
      excerpt: 'the lazy \u0002FOX\u0003 of 1\u00bd years',
    },
    { message: { conversationId: uuid(2), ordinal: 1 }, excerpt: 'a \u0002fox\u0003, again' },
    { message: { conversationId: uuid(1), ordinal: 1 }, excerpt: 'The quick brown \u0002fox\u0003' },
  ]);
});

it('takes the last word for the beginning of one, and keeps brackets and calls in the excerpt', async () => {
  await saying(1, ['release notes', 'a <b> & "c" <@ann> reledge', 'unrelated']);
  await insert(model.pool, 'members', [memberRow(1, 'bob')]);
  expect(await found('rele')).toEqual([
    [1, 2],
    [1, 1],
  ]);
  expect(await found('release no')).toEqual([[1, 1]]);
  expect(await found('rele notes')).toEqual([]);
  expect((await search({ q: 'reledge' })).items[0]?.excerpt).toBe('a <b> & "c" <@ann> \u0002reledge\u0003');
});

it('understands phrases, alternatives and exclusions', async () => {
  await saying(1, ['red apple pie', 'apple red', 'green pear', 'apple pear']);
  await insert(model.pool, 'members', [memberRow(1, 'bob')]);
  expect(await found('"red apple"')).toEqual([[1, 1]]);
  expect(await found('pie or green')).toEqual([
    [1, 3],
    [1, 1],
  ]);
  expect(await found('apple -red')).toEqual([[1, 4]]);
});

it.each(['-apple', '"', '...', 'a or -b', '( & | ! :*'])(
  'finds nothing for what names no word, and is not broken by it: %s',
  async (q) => {
    await saying(1, ['apple', 'pear']);
    await insert(model.pool, 'members', [memberRow(1, 'bob')]);
    expect((await search({ q })).items).toEqual([]);
  },
);

it.each(["it's", "'; drop table x; --", '50%_', 'C:\\temp', 'x'.repeat(200)])(
  'finds a text by itself, whatever is in it: %s',
  async (text) => {
    await saying(1, [text]);
    await insert(model.pool, 'members', [memberRow(1, 'bob')]);
    expect(await found(text)).toEqual([[1, 1]]);
  },
);

it('shows nothing that is deleted, expired, hidden or from before joining where that ends history', async () => {
  await saying(1, ['fox', 'fox', 'fox', 'fox', 'fox']);
  await insert(model.pool, 'members', [memberRow(1, 'bob', { joined_ordinal: 2 })]);
  await model.pool.query('update read_model.messages set deleted_at = now() where ordinal = 4');
  await insert(model.pool, 'hidden_messages', [{ user_id: 'bob', conversation_id: uuid(1), ordinal: 5 }]);
  await model.pool.query('update read_model.conversations set expired_ordinal = 1');
  expect(await found('fox')).toEqual([
    [1, 3],
    [1, 2],
  ]);
  await model.pool.query('update read_model.conversations set settings = $1', [
    { ...DEFAULT_SETTINGS, historyVisibility: 'joined' },
  ]);
  expect(await found('fox')).toEqual([[1, 3]]);
});

it('looks where the user is now, and in the broadcasts for them', async () => {
  for (const n of [1, 2]) await saying(n, ['fox']);
  await insert(model.pool, 'members', [memberRow(1, 'bob', { left_sequence: 50 }), memberRow(2, 'bob')]);
  await model.pool.query('update read_model.conversations set deleted_at = now() where id = $1', [uuid(2)]);
  const broadcast = { type: 'broadcast', audience: 'segment', segment: 'staff' };
  await insertConversation(model.pool, 3, [messageRow(3, 1, { body: 'fox' })], broadcast);
  await insertConversation(model.pool, 4, [messageRow(4, 1, { body: 'fox' })], broadcast);
  await insertConversation(model.pool, 5, [messageRow(5, 1, { body: 'fox' })], { type: 'channel' });
  await insert(model.pool, 'bans', [
    { conversation_id: uuid(4), user_id: 'bob', banned_by: 'ann', at: timeOf(1), until: null },
  ]);
  expect(await found('fox')).toEqual([]);
  const { items } = await search({ q: 'fox' }, ['staff']);
  expect(items.map(({ message }) => message.conversationId)).toEqual([uuid(3)]);
});

it('narrows to a conversation and to an author', async () => {
  for (const n of [1, 2]) {
    await insertConversation(model.pool, n, [
      messageRow(n, 1, { body: 'fox', sequence: n }),
      messageRow(n, 2, { body: 'fox', sequence: n + 10, sender_id: 'cyn' }),
    ]);
  }
  await insert(model.pool, 'members', [memberRow(1, 'bob'), memberRow(2, 'bob')]);
  expect(await found('fox', { conversation: uuid(1) })).toEqual([
    [1, 2],
    [1, 1],
  ]);
  expect(await found('fox', { from: 'cyn' })).toEqual([
    [2, 2],
    [1, 2],
  ]);
  expect(await found('fox', { from: 'cyn', conversation: uuid(2) })).toEqual([[2, 2]]);
  expect(await found('fox', { conversation: uuid(9) })).toEqual([]);
});

it('gives every hit once over the pages, also those of one commit', async () => {
  for (const n of [1, 2]) {
    const rows = messageRows(n, 9).map((row, i) => ({ ...row, body: 'fox', sequence: (i >> 2) * 10 + n }));
    await insertConversation(model.pool, n, rows);
  }
  await insert(model.pool, 'members', [memberRow(1, 'bob'), memberRow(2, 'bob')]);
  const whole = (await search({ q: 'fox' })).items;
  expect(whole).toHaveLength(18);
  const paged = await askAll((cursor) => search({ q: 'fox', limit: '5', cursor }), 5);
  expect(paged).toEqual(whole);
});

it('a long text is shown around its hits', async () => {
  const filler = 'word '.repeat(500);
  await saying(1, [`${filler}needle ${filler}`]);
  await insert(model.pool, 'members', [memberRow(1, 'bob')]);
  const [item] = (await search({ q: 'needle' })).items;
  expect(item?.excerpt).toContain('\u0002needle\u0003');
  expect(item?.excerpt.length).toBeLessThan(300);
});
