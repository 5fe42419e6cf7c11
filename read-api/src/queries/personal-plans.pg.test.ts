import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Snapshot } from '../snapshot.ts';
import { plansOf } from '../testing/plans.ts';
import { ReadModel, uuid } from '../testing/read-model.ts';

import { principalOf } from '../testing/rows.ts';
import { readChannels } from './channels.ts';
import { readInbox } from './inbox.ts';
import { readMyInvites } from './my-invites.ts';
import { readNotifications } from './notifications.ts';
import { readScheduled } from './scheduled.ts';
import { readSearch } from './search.ts';
import { readThreads } from './threads.ts';
import { readUnread } from './unread.ts';

/**
 * Bob is in 1,000 of 20,000 conversations with ten messages each: in every one of his a reply, a deleted message, one he
 * hid, one that names him, one to all, a reaction to a message of his; some are muted, archived or pinned.
 */
const ROWS = `
  create function pg_temp.id(n int) returns uuid language sql immutable as
    $$ select ('0190a000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid $$;
  insert into read_model.conversations (id, type, title, settings, created_at, created_by, member_count, message_count,
      reply_count, last_main_ordinal, last_message_at, last_message_sequence, last_deleted_ordinal,
      last_mention_all_ordinal, last_reply_ordinal, version, sequence, audience)
    select pg_temp.id(n), case when n % 20 = 3 then 'channel' when n % 400 = 7 then 'broadcast' else 'group' end, 'Room ' || n,
      '{"historyVisibility": "shared"}', now(), 'ann', 2, 10, 2, 8, now() + n * interval '1 second', n * 10 + 8, 4, 6, 10, 11,
      n * 10 + 10, case when n % 400 = 7 then 'all' end
    from generate_series(1, 20000) n;
  insert into read_model.conversations (id, type, title, settings, created_at, created_by, member_count, message_count, version,
      sequence, audience, segment, audience_user_ids)
    select pg_temp.id(n), 'broadcast', 'News ' || n, '{"historyVisibility": "shared"}', now(), 'ann', 1, 0, 1, 1,
      case when n % 2 = 0 then 'segment' else 'custom' end, case when n % 2 = 0 then 'team' || n end,
      case when n % 2 = 1 then array['ann', 'reader' || n] end
    from generate_series(30001, 36000) n;
  insert into read_model.audience_users select user_id, id from read_model.conversations, unnest(audience_user_ids) user_id;
  insert into read_model.members (conversation_id, user_id, role, joined_at, joined_sequence, joined_version, joined_ordinal, read_ordinal,
      last_mention_ordinal)
    select pg_temp.id(n), who, 'member', now(), 1, 1, 0, 2, 7
    from generate_series(1, 20000) n, unnest(array['ann', case when n <= 1000 then 'bob' else 'other' || n end]) who;
  insert into read_model.messages (conversation_id, ordinal, message_id, sequence, sender_id, sent_at, replies, body, format,
      attachments, mentions, mentions_all, thread_ordinal, deleted_at, deleted_by, reply_to_author, version, sent_version)
    select pg_temp.id(n), o, pg_temp.id(n * 100 + o), n * 10 + o, case when o = 1 then who else 'ann' end, now(),
      greatest(o - 8, 0), case when o <> 4 then 'word' || n || ' and' end, 'plain', '[]', '{"users":[],"all":false,"here":false}', o = 6,
      case when o > 8 then 1 end, case when o = 4 then now() end, case when o = 4 then 'ann' end, case when o = 5 then who end, o + 1, o + 1
    from generate_series(1, 20000) n, generate_series(1, 10) o,
      lateral (select case when n <= 1000 then 'bob' else 'other' || n end as who) whose;
  insert into read_model.mentions select conversation_id, case when sequence <= 10010 then 'bob' else 'other' || sequence / 10 end,
      ordinal, sequence, false from read_model.messages where ordinal = 7;
  insert into read_model.hidden_messages select user_id, conversation_id, 3 from read_model.members where user_id <> 'ann';
  insert into read_model.threads select id, 1, 2, 10, now(), sequence from read_model.conversations;
  insert into read_model.thread_followers select conversation_id, user_id, 1, 1, 8 from read_model.members where user_id <> 'ann';
  insert into read_model.user_conversations
    select user_id, conversation_id, case when user_id < 'bod' then 1 end, now(), null, null, 3
    from read_model.members where user_id <> 'ann';
  insert into read_model.reactions select conversation_id, 1, 'heart', 'ann', 12, sequence, now(), sender_id, true, true
    from read_model.messages where ordinal = 1;
  insert into read_model.audience_cursors select id, 'other' || n, 1, 1
    from read_model.conversations, generate_series(1, 50) n where type = 'broadcast';
  insert into read_model.invites select id, 'other' || sequence, 'member', 'ann', now(), null, sequence from read_model.conversations;
  insert into read_model.scheduled_messages (user_id, schedule_id, conversation_id, due_at, message, state)
    select 'other' || sequence, id, id, now(), '{}', 'pending' from read_model.conversations;
  insert into read_model.users values
    ('bob', null, null, null, true, '{"notifications": {"reaction": true}}', 0, 1, 1);
  analyze`;

const BIG = [
  'conversations',
  'members',
  'messages',
  'mentions',
  'hidden_messages',
  'threads',
  'thread_followers',
  'user_conversations',
  'reactions',
  'audience_cursors',
  'audience_users',
  'invites',
  'scheduled_messages',
];
const SCAN = new RegExp(`Seq Scan on (${BIG.join('|')})\\b`);

let model: ReadModel;
beforeAll(async () => {
  model = await ReadModel.start();
  await model.build();
  await model.pool.query(ROWS);
});
afterAll(() => model?.stop());

const principal = principalOf('bob');
const params = {};
const cursor = undefined;

it('the inbox and the badge of a user with 1,000 conversations read no table from end to end', async () => {
  const page = await model.read((snapshot) =>
    readInbox(snapshot, { params, query: { filter: 'group', order: 'recent', limit: 200 }, principal }),
  );
  expect(page.items).toHaveLength(200);
  expect(page.items[0]?.me).toMatchObject({ unread: 4, mentions: 2, threadUnread: 2 });
  for (const [filter, order] of [
    ['all', 'recent'],
    ['mentions', 'unread'],
    ['unread', 'pinned'],
  ] as const) {
    await expectIndexed((snapshot) =>
      readInbox(snapshot, { params, query: { filter, order, limit: 200 }, principal }),
    );
  }
  await expectIndexed((snapshot) => readUnread(snapshot, { params, query: {}, principal }));
});

it('broadcasts are found by whom they are for', async () => {
  const reader = principalOf('reader30001', ['team30002', 'team30004']);
  const inbox: Parameters<typeof plansOf>[1] = (snapshot) =>
    readInbox(snapshot, { params, query: { filter: 'all', order: 'recent', limit: 200 }, principal: reader });
  const page = await model.read((snapshot) =>
    readInbox(snapshot, {
      params,
      query: { filter: 'broadcast', order: 'recent', limit: 200 },
      principal: reader,
    }),
  );
  const news = page.items
    .map(({ conversation }) => conversation.title)
    .filter((it) => it?.startsWith('News'));
  expect(news.sort()).toEqual(['News 30001', 'News 30002', 'News 30004']);
  for (const query of [inbox, (it: Snapshot) => readUnread(it, { params, query: {}, principal: reader })]) {
    for (const plan of await expectIndexed(query)) {
      for (const index of ['audience_users_pk', 'conversations_segment', 'conversations_for_all'])
        expect(plan).toContain(index);
      expect(plan).not.toContain('conversations_broadcasts');
    }
  }
});

it('notifications and threads are found newest first through indexes', async () => {
  const page = await model.read((snapshot) =>
    readNotifications(snapshot, { params, query: { unread: false, limit: 100 }, principal }),
  );
  expect(new Set(page.items.map(({ kind }) => kind))).toEqual(
    new Set(['mention', 'reply', 'thread', 'all', 'reaction']),
  );
  for (const unread of [false, true]) {
    await expectIndexed((snapshot) =>
      readNotifications(snapshot, { params, query: { unread, limit: 100, cursor }, principal }),
    );
    await expectIndexed((snapshot) =>
      readThreads(snapshot, { params, query: { unread, limit: 50 }, principal }),
    );
  }
});

it('a search looks up its words in the full-text index', async () => {
  const search = (query: { q: string; conversation?: string; from?: string }) =>
    expectIndexed((snapshot) => readSearch(snapshot, { params, query: { limit: 50, ...query }, principal }));
  for (const plans of [
    await search({ q: 'word77' }),
    await search({ q: 'word77 or "word78 and"', from: 'ann' }),
    await search({ q: 'word77', conversation: uuid(77) }),
  ]) {
    expect(plans.join('\n')).toMatch(/Bitmap Index Scan on messages_search/);
  }
});

it('channels, invites and scheduled messages are read through indexes', async () => {
  await expectIndexed((snapshot) => readChannels(snapshot, { params, query: { limit: 200 }, principal }));
  await expectIndexed((snapshot) => readMyInvites(snapshot, { params, query: { limit: 200 }, principal }));
  await expectIndexed((snapshot) => readScheduled(snapshot, { params, query: { limit: 100 }, principal }));
});

it('unread notifications are looked for only after what was read', async () => {
  await model.pool.query(
    `update read_model.users set notifications_read_sequence = 199000 where user_id = 'bob'`,
  );
  const plans = await plansOf(model.pool, (snapshot) =>
    readNotifications(snapshot, { params, query: { unread: true, limit: 100, cursor }, principal }),
  );
  const sources = plans.filter((plan) => plan.includes('mentions_newest'));
  expect(sources).toHaveLength(2);
  for (const plan of sources) {
    for (const index of ['mentions_newest', 'messages_replying', 'reactions_to_author', 'invites_by_user'])
      expect(plan).toMatch(new RegExp(`${index}.*\\n\\s*Index Cond: .*sequence > `));
  }
});

async function expectIndexed(query: Parameters<typeof plansOf>[1]): Promise<string[]> {
  const plans = await plansOf(model.pool, query);
  for (const plan of plans) expect(SCAN.exec(plan)?.[1], plan).toBeUndefined();
  return plans;
}
