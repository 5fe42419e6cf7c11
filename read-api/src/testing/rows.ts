import { DEFAULT_SETTINGS } from '@parley/contracts';
import type { Principal } from '@parley/runtime';
import type { Pool } from 'pg';
import { timeOf, uuid } from './read-model.ts';

type Row = Record<string, unknown>;

/** Inserts rows as they are; the first one's columns are the columns of all. What is not named has its default. */
export async function insert(pool: Pool, table: string, rows: readonly Row[]): Promise<void> {
  const columns = Object.keys(rows[0] ?? {}).join(', ');
  if (columns === '') return;
  await pool.query(
    `insert into read_model.${table} (${columns})
     select ${columns} from jsonb_populate_recordset(null::read_model.${table}, $1)`,
    [JSON.stringify(rows)],
  );
}

/** The newest room is the one with the highest number, unless it says when its last message came. */
export function conversationRow(n: number, row: Row = {}): Row {
  return {
    id: uuid(n),
    type: 'group',
    title: `Room ${n}`,
    settings: DEFAULT_SETTINGS,
    audience: null,
    segment: null,
    audience_user_ids: null,
    created_at: timeOf(n),
    created_by: 'ann',
    archived_at: null,
    deleted_at: null,
    member_count: 1,
    message_count: 0,
    reply_count: 0,
    last_main_ordinal: 0,
    last_message_at: null,
    last_message_sequence: 0,
    last_deleted_ordinal: 0,
    last_mention_all_ordinal: 0,
    last_reply_ordinal: 0,
    expired_ordinal: 0,
    version: 1,
    sequence: 1,
    ...row,
  };
}

export function memberRow(n: number, userId: string, row: Row = {}): Row {
  return {
    conversation_id: uuid(n),
    user_id: userId,
    role: 'member',
    joined_at: timeOf(0),
    joined_sequence: 1,
    joined_version: 1,
    joined_ordinal: 0,
    read_ordinal: 0,
    delivered_ordinal: 0,
    receipt_ordinal: 0,
    last_mention_ordinal: 0,
    left_sequence: null,
    left_reason: null,
    ...row,
  };
}

/** By ann, with the ordinal as its minute and ten times the ordinal as its sequence. */
export function messageRow(n: number, ordinal: number, row: Row = {}): Row {
  return {
    conversation_id: uuid(n),
    ordinal,
    message_id: uuid(n * 1_000_000 + ordinal),
    sequence: ordinal * 10,
    sender_id: 'ann',
    sent_at: timeOf(ordinal),
    sent_version: ordinal + 1,
    replies: 0,
    body: `message ${ordinal}`,
    format: 'plain',
    attachments: [],
    reply_to: null,
    reply_to_author: null,
    thread_id: null,
    thread_ordinal: null,
    mentions: { users: [], all: false, here: false },
    mentions_all: false,
    deleted_at: null,
    deleted_by: null,
    version: ordinal + 1,
    ...row,
  };
}

/** Reactions of which the newest of each user and emoji on a message is marked so. */
export async function insertReactions(pool: Pool, rows: readonly Row[]): Promise<void> {
  await insert(
    pool,
    'reactions',
    rows.map((row) => ({ ...row, latest: false })),
  );
  await pool.query(`update read_model.reactions r set latest = not exists (
    select from read_model.reactions later where later.conversation_id = r.conversation_id
      and later.ordinal = r.ordinal and later.emoji = r.emoji and later.user_id = r.user_id
      and later.version > r.version)`);
}

/** A conversation, and who is listed in its audience. */
export async function insertConversationRow(pool: Pool, row: Row): Promise<void> {
  await insert(pool, 'conversations', [row]);
  const users = (row.audience_user_ids ?? []) as string[];
  await insert(
    pool,
    'audience_users',
    users.map((user_id) => ({ user_id, conversation_id: row.id })),
  );
}

/** A conversation's row that counts what its messages are, and those messages. */
export async function insertConversation(
  pool: Pool,
  n: number,
  messages: readonly Row[] = [],
  row: Row = {},
): Promise<void> {
  const main = messages.filter((each) => each.thread_ordinal === null);
  const lastOf = (some: readonly Row[]) => Math.max(0, ...some.map((each) => Number(each.ordinal)));
  const replies = messages.filter((each) => each.thread_ordinal !== null);
  const lastMain = main.at(-1);
  await insertConversationRow(
    pool,
    conversationRow(n, {
      message_count: messages.length,
      reply_count: replies.length,
      last_main_ordinal: lastOf(main),
      last_message_at: lastMain?.sent_at ?? null,
      last_message_sequence: lastMain?.sequence ?? 0,
      last_deleted_ordinal: lastOf(messages.filter((each) => each.deleted_at !== null)),
      last_mention_all_ordinal: lastOf(main.filter((each) => each.mentions_all === true)),
      last_reply_ordinal: lastOf(replies),
      version: messages.length + 1,
      ...row,
    }),
  );
  let replyCount = 0;
  const counted = messages.map((each) => {
    if (each.thread_ordinal !== null) replyCount++;
    return { ...each, replies: replyCount };
  });
  await insert(pool, 'messages', counted);
}

export const messageRows = (n: number, count: number): Row[] =>
  Array.from({ length: count }, (_, i) => messageRow(n, i + 1));

/** Who asks, as their token says. */
export const principalOf = (userId: string, segments: string[] = []): Principal => ({
  userId,
  deviceId: 'phone',
  sessionId: 'session',
  roles: [],
  segments,
  scopes: [],
  expiresAt: Number.MAX_SAFE_INTEGER,
});
