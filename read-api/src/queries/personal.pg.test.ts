import { DEFAULT_PREFERENCES, DEFAULT_SETTINGS, type QueryInput } from '@parley/contracts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
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
import { readChannels } from './channels.ts';
import { readMe } from './me.ts';
import { readMyInvites } from './my-invites.ts';
import { readScheduled } from './scheduled.ts';
import { readUser, readUsers } from './users.ts';

let model: ReadModel;
beforeAll(async () => {
  model = await ReadModel.start();
});
afterAll(() => model?.stop());
beforeEach(() => model.build());

const bob = principalOf('bob');
const profile = {
  user_id: 'bob',
  display_name: 'Bob',
  avatar: 'a',
  status_text: 's',
  version: 3,
  sequence: 9,
};
const invalid = (path: string) => ({ code: 'invalid-request', extras: { errors: [{ path }] } });

describe('me', () => {
  const me = () => ask(model, ['me', readMe], {}, bob);

  it('is a user with the defaults, until something is set', async () => {
    expect(await me()).toMatchObject({
      user: { userId: 'bob', displayName: null, avatar: null, statusText: null, version: 0 },
      lastSeenVisible: true,
      preferences: DEFAULT_PREFERENCES,
      blocked: [],
      devices: [],
    });
  });

  it('is what was set over the defaults, with blocks and devices', async () => {
    const preferences = {
      notifications: { all: false },
      conversations: { [uuid(1)]: 'none' },
      unarchiveOnMessage: false,
    };
    await insert(model.pool, 'users', [{ ...profile, last_seen_visible: false, preferences }]);
    await insert(
      model.pool,
      'blocks',
      ['zoe', 'eve'].map((blocked_id) => ({ user_id: 'bob', blocked_id, at: timeOf(1) })),
    );
    await insert(model.pool, 'blocks', [{ user_id: 'cyn', blocked_id: 'bob', at: timeOf(1) }]);
    await insert(model.pool, 'devices', [
      { user_id: 'bob', device_id: 'web', platform: 'web', name: 'Tab', registered_at: timeOf(2) },
      { user_id: 'bob', device_id: 'phone', platform: 'ios', name: null, registered_at: timeOf(1) },
      { user_id: 'cyn', device_id: 'other', platform: 'ios', name: null, registered_at: timeOf(1) },
    ]);
    expect(await me()).toMatchObject({
      user: { userId: 'bob', displayName: 'Bob', avatar: 'a', statusText: 's', version: 3 },
      lastSeenVisible: false,
      preferences: {
        notifications: { ...DEFAULT_PREFERENCES.notifications, all: false },
        conversations: { [uuid(1)]: 'none' },
        unarchiveOnMessage: false,
      },
      blocked: ['eve', 'zoe'],
      devices: [
        { deviceId: 'phone', platform: 'ios', name: null, registeredAt: timeOf(1) },
        { deviceId: 'web', platform: 'web', name: 'Tab', registeredAt: timeOf(2) },
      ],
    });
  });
});

describe('profiles', () => {
  const user = (userId: string) => ask(model, ['user', readUser], {}, bob, { userId });
  const users = async (ids: string) =>
    (await ask(model, ['users', readUsers], { ids }, bob)).items.map(({ userId }) => userId);
  beforeEach(() =>
    insert(
      model.pool,
      'users',
      ['bob', 'a,b', '100%', '語 👋', "o'neil"].map((user_id) => ({ ...profile, user_id, preferences: {} })),
    ),
  );

  it('are shown of anybody, set or not', async () => {
    expect((await user('bob')).user).toMatchObject({ userId: 'bob', displayName: 'Bob', version: 3 });
    expect((await user('nobody')).user).toEqual({
      userId: 'nobody',
      displayName: null,
      avatar: null,
      statusText: null,
      version: null,
    });
  });

  it('are found by several ids, in the order asked for, each once; unknown ones are left out', async () => {
    const ids = ['語 👋', 'nobody', 'a,b', 'bob', '100%', "o'neil", 'bob'];
    expect(await users(ids.map(encodeURIComponent).join(','))).toEqual([
      '語 👋',
      'a,b',
      'bob',
      '100%',
      "o'neil",
    ]);
    expect(await users("bob,o'neil,語 👋")).toEqual(['bob', "o'neil", '語 👋']);
  });

  it.each([
    ['an empty one', 'bob,,ann'],
    ['one too long', 'x'.repeat(129)],
    ['one that is badly encoded', '100%'],
    ['one with a control character', 'a%00b'],
    ['more than 200', Array.from({ length: 201 }, (_, n) => `u${n}`).join(',')],
  ])('are refused for %s among the ids', async (_what, ids) => {
    await expect(users(ids)).rejects.toMatchObject(invalid('ids'));
  });

  it('are found by 200 ids, however often each is named', async () => {
    const ids = Array.from({ length: 400 }, (_, n) => `u${n % 200}`);
    expect(await users([...ids.slice(1), 'u0'].join(','))).toEqual([]);
  });
});

describe('invites', () => {
  const invites = (query: QueryInput<'invites'> = {}) => ask(model, ['invites', readMyInvites], query, bob);
  const invite = (n: number, row: object = {}) => ({
    conversation_id: uuid(n),
    user_id: 'bob',
    role: 'member',
    invited_by: 'ann',
    at: timeOf(n),
    expires_at: null,
    sequence: n,
    ...row,
  });

  it('are those that are open, with what is to be known of the conversation, newest first', async () => {
    for (const n of [1, 2, 3]) await insertConversation(model.pool, n, [], { member_count: n });
    await insertConversation(model.pool, 4, [], { deleted_at: timeOf(5) });
    await insert(model.pool, 'invites', [
      invite(1),
      invite(2, { role: 'guest', expires_at: '2999-01-01T00:00:00Z' }),
      invite(3, { expires_at: timeOf(4) }),
      invite(4),
      invite(1, { user_id: 'cyn' }),
    ]);
    expect((await invites()).items).toEqual([
      {
        conversationId: uuid(2),
        type: 'group',
        title: 'Room 2',
        memberCount: 2,
        role: 'guest',
        invitedBy: 'ann',
        at: timeOf(2),
        expiresAt: '2999-01-01T00:00:00.000Z',
      },
      expect.objectContaining({ conversationId: uuid(1), role: 'member', expiresAt: null }),
    ]);
  });

  it('come once each over the pages', async () => {
    for (let n = 1; n <= 7; n++) {
      await insertConversation(model.pool, n);
      await insert(model.pool, 'invites', [invite(n)]);
    }
    const items = await askAll((cursor) => invites({ limit: '3', cursor }), 3);
    expect(items.map(({ conversationId }) => conversationId)).toEqual([7, 6, 5, 4, 3, 2, 1].map(uuid));
  });
});

describe('scheduled messages', () => {
  const scheduled = (query: QueryInput<'scheduled'> = {}) =>
    ask(model, ['scheduled', readScheduled], query, bob);
  const schedule = (n: number, state: string, row: object = {}) => ({
    user_id: 'bob',
    schedule_id: uuid(n),
    conversation_id: uuid(1),
    due_at: timeOf(n),
    message: { body: `later ${n}`, format: 'plain', attachments: [] },
    state,
    code: null,
    ...row,
  });

  it('wait, are being sent until their message is there, or have failed', async () => {
    await insertConversation(model.pool, 1, [messageRow(1, 1, { message_id: uuid(3) })]);
    await insert(model.pool, 'scheduled_messages', [
      schedule(4, 'pending'),
      schedule(3, 'released'),
      schedule(2, 'released'),
      schedule(1, 'failed', { code: 'conversation-archived' }),
      schedule(5, 'pending', { user_id: 'cyn' }),
    ]);
    expect((await scheduled()).items).toMatchObject([
      { scheduleId: uuid(1), at: timeOf(1), state: 'failed', code: 'conversation-archived' },
      { scheduleId: uuid(2), state: 'sending', code: null },
      { scheduleId: uuid(4), conversationId: uuid(1), state: 'pending', message: { body: 'later 4' } },
    ]);
  });

  it('come once each over the pages, the next one first, also those that are due at one moment', async () => {
    await insert(
      model.pool,
      'scheduled_messages',
      [1, 2, 3, 4, 5, 6, 7].map((n) => schedule(n, 'pending', { due_at: timeOf(n >> 2) })),
    );
    await model.pool.query(`update read_model.scheduled_messages
      set due_at = due_at + (random() * 900)::int * interval '1 microsecond'`);
    const items = await askAll((cursor) => scheduled({ limit: '2', cursor }), 2);
    expect(items.map(({ scheduleId }) => scheduleId)).toEqual([1, 2, 3, 4, 5, 6, 7].map(uuid));
  });
});

describe('channels', () => {
  const channels = (query: QueryInput<'channels'> = {}) => ask(model, ['channels', readChannels], query, bob);
  const titles = async (query: QueryInput<'channels'> = {}) =>
    (await channels(query)).items.map(({ conversation }) => conversation.title);
  const channel = (n: number, title: string | null, row: object = {}) =>
    insertConversation(model.pool, n, messageRows(n, 2), { type: 'channel', title, ...row });

  it('are those that anybody may see, by title, and say whether the user is in them', async () => {
    await channel(1, 'beta');
    await channel(2, 'Alpha');
    await channel(3, 'gone', { deleted_at: timeOf(1) });
    await channel(4, 'closed to bob');
    await channel(5, 'open again');
    await insertConversation(model.pool, 6);
    await insert(model.pool, 'members', [memberRow(1, 'bob'), memberRow(2, 'bob', { left_sequence: 7 })]);
    await insert(
      model.pool,
      'bans',
      [null, timeOf(1)].map((until, i) => ({
        conversation_id: uuid(4 + i),
        user_id: 'bob',
        banned_by: 'ann',
        at: timeOf(0),
        until,
      })),
    );
    expect((await channels()).items).toMatchObject([
      { conversation: { title: 'Alpha', lastMessage: { ordinal: 2 } }, member: false },
      { conversation: { title: 'beta' }, member: true },
      { conversation: { title: 'open again' }, member: false },
    ]);
  });

  it('show their last message only where history is not for members', async () => {
    const settings = { ...DEFAULT_SETTINGS, historyVisibility: 'joined' };
    for (const n of [1, 2, 3]) await channel(n, `c${n}`, { settings });
    await insert(model.pool, 'members', [
      memberRow(2, 'bob', { joined_ordinal: 1 }),
      memberRow(3, 'bob', { joined_ordinal: 2 }),
    ]);
    const { items } = await channels();
    expect(items.map(({ conversation }) => conversation.lastMessage?.ordinal)).toEqual([
      undefined,
      2,
      undefined,
    ]);
  });

  it('are found by any part of the title, whatever its case', async () => {
    for (const [n, title] of ['Team 100%', 'my team', 'other', null].entries()) await channel(n, title);
    expect(await titles({ q: 'TEAM' })).toEqual(['my team', 'Team 100%']);
    expect(await titles({ q: '0%' })).toEqual(['Team 100%']);
    expect(await titles({ q: '_' })).toEqual([]);
  });

  it('come once each over the pages, those without a title last', async () => {
    const all = ['a', 'A', 'b', '語', `${'👋'.repeat(200)}`, null, null, null, 'a'];
    for (const [n, title] of all.entries()) await channel(n, title);
    const whole = (await channels()).items.map(({ conversation }) => conversation.id);
    expect(new Set(whole).size).toBe(all.length);
    expect(whole.slice(-3)).toEqual([5, 6, 7].map(uuid));
    for (const limit of [1, 2, 4]) {
      const items = await askAll((cursor) => channels({ limit: String(limit), cursor }), limit);
      expect(items.map(({ conversation }) => conversation.id)).toEqual(whole);
    }
  });
});

it('a cursor of another list is refused by its name', async () => {
  const cursor = Buffer.from('["x"]').toString('base64url');
  await expect(ask(model, ['channels', readChannels], { cursor }, bob)).rejects.toMatchObject(
    invalid('cursor'),
  );
  await expect(ask(model, ['invites', readMyInvites], { cursor }, bob)).rejects.toMatchObject(
    invalid('cursor'),
  );
  await expect(ask(model, ['scheduled', readScheduled], { cursor }, bob)).rejects.toMatchObject(
    invalid('cursor'),
  );
});
