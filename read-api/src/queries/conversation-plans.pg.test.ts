import { AUDIT_SCOPE } from '@parley/contracts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LogReader } from '../log-reader.ts';
import type { Snapshot } from '../snapshot.ts';
import { plansOf } from '../testing/plans.ts';
import { EPOCH, logger, ReadModel, uuid } from '../testing/read-model.ts';
import { principalOf } from '../testing/rows.ts';
import { readAudit } from './audit.ts';
import { readBans } from './bans.ts';
import { readConversation } from './conversation.ts';
import { readConversationInvites } from './conversation-invites.ts';
import { eventsFrom } from './events.ts';
import { readHistory } from './history.ts';
import { readMembers } from './members.ts';
import { readMessage } from './message.ts';
import { readMessages } from './messages.ts';
import { readPins } from './pins.ts';
import { readReactions } from './reactions.ts';
import { readReceipts } from './receipts.ts';
import { readReports } from './reports.ts';
import { readThread } from './thread.ts';

/**
 * 2,000 conversations of 20 messages and one of 20,000, `uuid(1)`, in which every tenth message is a reply to the first,
 * every hundredth deleted, edited, reacted to (most of it taken back) or pinned. Bob is a moderator everywhere.
 */
const ROWS = `
  create function pg_temp.id(n int) returns uuid language sql immutable as
    $$ select ('0190a000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid $$;
  insert into read_model.conversations (id, type, title, settings, created_at, created_by, member_count, message_count,
      reply_count, last_main_ordinal, last_message_at, last_message_sequence, last_deleted_ordinal, last_reply_ordinal,
      version, sequence)
    select pg_temp.id(n), 'group', 'Room', '{"historyVisibility": "shared", "receipts": true}', now(), 'ann', 20, size, size / 10,
      size - 1, now(), size, size, size, size + 20, 100000000
    from generate_series(1, 2000) n, lateral (select case when n = 1 then 20000 else 20 end as size) s;
  insert into read_model.messages (conversation_id, ordinal, message_id, sequence, sender_id, sent_at, replies, body, format,
      attachments, mentions, mentions_all, thread_ordinal, edit_count, edited_at, edited_by, deleted_at, deleted_by, version, sent_version)
    select c.id, o, pg_temp.id(o * 10000 + n), o * 2500 + n, 'ann', '2026-01-01'::timestamptz + o * interval '1 minute', o / 10,
      case when o % 100 > 0 then 'text ' || o end, 'plain', '[]', '{"users":[],"all":false,"here":false}', false,
      case when o % 10 = 0 then 1 end, case when o % 100 = 1 then 1 else 0 end, case when o % 100 = 1 then now() end,
      case when o % 100 = 1 then 'ann' end, case when o % 100 = 0 then now() end, case when o % 100 = 0 then 'ann' end, o + 1, o + 1
    from generate_series(1, 2000) n join read_model.conversations c on c.id = pg_temp.id(n), generate_series(1, c.message_count) o;
  insert into read_model.message_edits select conversation_id, ordinal, version + more, sequence + more, sent_at, 'ann', body,
      'plain', null, mentions from read_model.messages, generate_series(0, 1) more where edit_count = 1;
  insert into read_model.reactions select conversation_id, ordinal, 'heart', 'user' || n, version + n, sequence + n, sent_at, 'ann',
      true, true from read_model.messages, generate_series(1, 9) n where ordinal % 100 = 1;
  insert into read_model.reactions select conversation_id, ordinal, 'heart', 'gone' || n / 2, version + n, sequence + n, sent_at,
      'ann', n % 2 = 0, n % 2 = 1 from read_model.messages, generate_series(10, 49) n where ordinal % 100 = 1;
  insert into read_model.pins select conversation_id, ordinal, version + 1, sequence + 1, sent_at, 'ann', true
    from read_model.messages where ordinal % 1000 = 1;
  insert into read_model.threads select id, 1, reply_count, last_reply_ordinal, now(), sequence from read_model.conversations;
  insert into read_model.members (conversation_id, user_id, role, joined_at, joined_sequence, joined_version, joined_ordinal, read_ordinal)
    select id, case when n = 1 then 'bob' else 'user' || n end, case when n = 1 then 'moderator' else 'member' end, now(), 1, 1, 0, 2
    from read_model.conversations, generate_series(1, 20) n;
  insert into read_model.member_changes select conversation_id, user_id, 1, 1, '2026-01-01', role, joined_at from read_model.members;
  insert into read_model.bans select id, 'bad' || n, 'ann', now(), null, null from read_model.conversations, generate_series(1, 9) n;
  insert into read_model.invites select id, 'new' || n, 'member', 'ann', now(), null, n
    from read_model.conversations, generate_series(1, 9) n;
  insert into read_model.reports select conversation_id, ordinal, 'bob', message_id, 'ann', 'spam', null, now(), sequence
    from read_model.messages where ordinal % 20 = 1;
  insert into read_model.hidden_messages select 'user' || n, id, n from read_model.conversations, generate_series(1, 9) n;
  insert into read_model.audit select id, n, n, '2026-01-01', 'ann', 'conversation.created', '{}'
    from read_model.conversations, generate_series(1, 9) n;
  analyze`;

const BIG = [
  ...[
    'conversations',
    'members',
    'member_changes',
    'bans',
    'invites',
    'messages',
    'message_edits',
    'reactions',
  ],
  ...['pins', 'threads', 'hidden_messages', 'reports', 'audit'],
];
const SCAN = new RegExp(`Seq Scan on (${BIG.join('|')})\\b`);

let model: ReadModel;
let reader: LogReader;
beforeAll(async () => {
  model = await ReadModel.start();
  await model.build();
  await model.pool.query(ROWS);
  reader = new LogReader({ natsUrl: 'nats://127.0.0.1:9', replicas: 1, name: 'nobody', logger });
});
afterAll(async () => {
  await reader?.close();
  await model?.stop();
});

const principal = { ...principalOf('bob'), scopes: [AUDIT_SCOPE] };
const params = { conversationId: uuid(1) };
const onMessage = { ...params, messageId: uuid(10_001) };
const query = { limit: 100 };
const asOf = `${EPOCH}:25000000`;

const QUERIES: Record<string, (snapshot: Snapshot) => Promise<unknown>> = {
  conversation: (it) => readConversation(it, { params, query: {}, principal }),
  'conversation as of then': (it) => readConversation(it, { params, query: { asOf }, principal }),
  members: (it) => readMembers(it, { params, query, principal }),
  'members as of then': (it) => readMembers(it, { params, query: { ...query, asOf }, principal }),
  messages: (it) => readMessages(it, { params, query, principal }),
  'messages as of then': (it) => readMessages(it, { params, query: { ...query, asOf }, principal }),
  'the first messages, root and all': (it) =>
    readMessages(it, { params, query: { ...query, after: 0 }, principal }),
  message: (it) => readMessage(it, { params: onMessage, query: {}, principal }),
  thread: (it) => readThread(it, { params: onMessage, query, principal }),
  history: (it) => readHistory(it, { params: onMessage, query: {}, principal }),
  reactions: (it) => readReactions(it, { params: onMessage, query, principal }),
  receipts: (it) => readReceipts(it, { params, query: {}, principal }),
  pins: (it) => readPins(it, { params, query: {}, principal }),
  bans: (it) => readBans(it, { params, query, principal }),
  invites: (it) => readConversationInvites(it, { params, query, principal }),
  reports: (it) => readReports(it, { params, query, principal }),
  'where events begin': async (it) =>
    eventsFrom(reader, model.pool)(it, { params, query: { after: 9_000, limit: 1 }, principal }),
  audit: (it) => readAudit(it, { params: {}, query, principal }),
  'audit of a conversation': (it) =>
    readAudit(it, { params: {}, query: { ...query, conversation: uuid(1) }, principal }),
};

it.each(Object.entries(QUERIES))('reads no table from end to end: %s', async (_, read) => {
  const plans = await plansOf(model.pool, read);
  expect(plans).not.toHaveLength(0);
  for (const plan of plans) expect(SCAN.exec(plan)?.[1], plan).toBeUndefined();
});

it.each(['messages', 'message', 'reactions'])(
  'looks at no reaction that was taken back: %s',
  async (name) => {
    const plans = await plansOf(model.pool, QUERIES[name] ?? (() => Promise.reject(new Error(name))));
    const reading = plans.filter((plan) => plan.includes('reactions_'));
    expect(reading).not.toHaveLength(0);
    for (const plan of reading) {
      expect(plan).toContain('reactions_standing');
      expect(plan).not.toContain('reactions_pk');
    }
  },
);
