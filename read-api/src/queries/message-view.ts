import type { Attachment, Ciphertext, Format, Mentions, MessageView } from '@parley/contracts';
import type { PoolClient } from 'pg';
import { type Moment, NOW } from '../moment.ts';

export interface MessageRef {
  conversationId: string;
  ordinal: number;
}

interface MessageRow {
  conversation_id: string;
  message_id: string;
  ordinal: number;
  sequence: string;
  sender_id: string;
  sent_at: Date;
  body: string | null;
  format: Format;
  ciphertext: Ciphertext | null;
  attachments: Attachment[];
  reply_to: string | null;
  thread_id: string | null;
  thread_count: number;
  thread_last_at: Date | null;
  mentions: Mentions;
  reactions: MessageView['reactions'];
  metadata: MessageView['metadata'];
  edited_at: Date | null;
  edited_by: string | null;
  edit_count: number;
  deleted_at: Date | null;
  deleted_by: string | null;
  delete_reason: string | null;
  pinned: boolean;
  version: number;
}

/** Counted from `standing` reactions; the emoji that came first stands first. */
const reactions = (standing: string): string => `(
    select coalesce(json_agg(json_build_object('emoji', emoji, 'count', count, 'mine', mine) order by first), '[]')
    from (
      select emoji, count(*)::int as count, bool_or(user_id = $1) as mine, min(version) as first
      from (${standing}) standing group by emoji) counted)`;

const STANDING = `select emoji, user_id, version from read_model.reactions r
        where r.conversation_id = m.conversation_id and r.ordinal = m.ordinal and r.latest and r.added`;

/** Of each user and emoji the newest change of then held. */
const standingThen = (bounds: string): string => `select emoji, user_id, version from (
          select distinct on (emoji, user_id) emoji, user_id, added, version from read_model.reactions r
          where r.conversation_id = m.conversation_id and r.ordinal = m.ordinal${bounds}
          order by emoji, user_id, version desc) latest
        where added`;

const pinned = (bounds: string): string => `coalesce((
    select p.pinned from read_model.pins p
    where p.conversation_id = m.conversation_id and p.ordinal = m.ordinal${bounds}
    order by p.version desc limit 1), false)`;

/** The newest reply that is not deleted: one probe. */
const lastReplyAt = (bounds: string): string => `(
    select r.sent_at from read_model.messages r
    where r.conversation_id = m.conversation_id and r.thread_ordinal = m.ordinal and r.deleted_at is null${bounds}
    order by r.ordinal desc limit 1)`;

const WHICH = `from unnest($2::uuid[], $3::int[]) as ref (conversation_id, ordinal)
  cross join lateral (select expired_ordinal, last_deleted_ordinal from read_model.conversations
    where id = ref.conversation_id limit 1) c
  cross join lateral (select * from read_model.messages
    where conversation_id = ref.conversation_id and ordinal = ref.ordinal limit 1) m`;

const SHOWN = `m.ordinal > c.expired_ordinal and not exists (
    select from read_model.hidden_messages h
    where h.user_id = $1 and h.conversation_id = m.conversation_id and h.ordinal = m.ordinal)`;

const FACTS = `m.conversation_id, m.message_id, m.ordinal, m.sequence, m.sender_id, m.sent_at, m.attachments, m.reply_to,
  m.thread_id, m.metadata, m.deleted_at, m.deleted_by, m.delete_reason`;

/** Deleted replies are looked for only where something after the root is deleted. */
const PRESENT = `select ${FACTS}, m.body, m.format, m.ciphertext, m.mentions, m.edited_at, m.edited_by, m.edit_count,
    m.version, ${reactions(STANDING)} as reactions, ${pinned('')} as pinned, coalesce(t.reply_count, 0) - case
      when t.reply_count > 0 and c.last_deleted_ordinal > m.ordinal then (
        select count(*) from read_model.messages d where d.conversation_id = m.conversation_id
          and d.thread_ordinal = m.ordinal and d.deleted_at is not null)
      else 0 end::int as thread_count,
    case when t.reply_count > 0 then ${lastReplyAt('')} end as thread_last_at
  ${WHICH}
  left join lateral (select reply_count from read_model.threads
    where conversation_id = m.conversation_id and ordinal = m.ordinal limit 1) t on true
  where ${SHOWN}`;

const upTo = (row: string, at = 'at'): string =>
  ` and ${row}.sequence <= $4 and ${row}.${at} <= $5::timestamptz`;

/** An edited message has every text it had in message_edits; one that never was has its only text in its row. */
const PAST = `select ${FACTS}, coalesce(e.format, m.format) as format,
    case when e.version is null then m.body else e.body end as body,
    case when e.version is null then m.ciphertext else e.ciphertext end as ciphertext,
    coalesce(e.mentions, m.mentions) as mentions,
    case when e.texts > 1 then e.at end as edited_at, case when e.texts > 1 then e.by end as edited_by,
    coalesce(e.texts - 1, 0)::int as edit_count, coalesce(e.version, m.version) as version,
    ${reactions(standingThen(upTo('r')))} as reactions, ${pinned(upTo('p'))} as pinned, (
      select count(*) from read_model.messages r where r.conversation_id = m.conversation_id
        and r.thread_ordinal = m.ordinal and r.deleted_at is null${upTo('r', 'sent_at')})::int as thread_count,
    ${lastReplyAt(upTo('r', 'sent_at'))} as thread_last_at
  ${WHICH}
  left join lateral (
    select *, count(*) over () as texts from read_model.message_edits e
    where e.conversation_id = m.conversation_id and e.ordinal = m.ordinal${upTo('e')}
    order by version desc limit 1) e on true
  where ${SHOWN}${upTo('m', 'sent_at')}`;

/**
 * Messages as a viewer sees them, by `<conversation id>/<ordinal>`, in one statement. Those that the viewer hid and those
 * that retention emptied are absent, deleted ones are tombstones. Whether the viewer may see their conversations is for
 * the caller to know.
 */
export async function messageViewsOf(
  client: PoolClient,
  viewerId: string,
  refs: readonly MessageRef[],
  moment: Moment = NOW,
): Promise<Map<string, MessageView>> {
  if (refs.length === 0) return new Map();
  const values = [viewerId, refs.map((each) => each.conversationId), refs.map((each) => each.ordinal)];
  const { rows } = await client.query<MessageRow>(
    moment === NOW
      ? { name: 'messages', text: PRESENT, values }
      : { name: 'messages-as-of', text: PAST, values: [...values, moment.sequence, moment.at] },
  );
  return new Map(rows.map((row) => [`${row.conversation_id}/${row.ordinal}`, messageView(row)]));
}

/** The views of some messages of one conversation, in the order of `ordinals`; those that are not shown are left out. */
export async function messageViewsIn(
  client: PoolClient,
  viewerId: string,
  conversationId: string,
  ordinals: readonly number[],
  moment?: Moment,
): Promise<MessageView[]> {
  const refs = ordinals.map((ordinal) => ({ conversationId, ordinal }));
  const views = await messageViewsOf(client, viewerId, refs, moment);
  return ordinals.flatMap((ordinal) => views.get(`${conversationId}/${ordinal}`) ?? []);
}

const NOBODY: Mentions = { users: [], all: false, here: false };
/** What deleting takes away, also where a fold has left something behind. */
const TOMBSTONE = {
  body: null,
  ciphertext: null,
  attachments: [],
  mentions: NOBODY,
  reactions: [],
  metadata: null,
  pinned: false,
};

function messageView(row: MessageRow): MessageView {
  const { edited_at, edited_by, deleted_at, deleted_by } = row;
  const view: MessageView = {
    messageId: row.message_id,
    conversationId: row.conversation_id,
    ordinal: row.ordinal,
    sequence: Number(row.sequence),
    senderId: row.sender_id,
    sentAt: row.sent_at.toISOString(),
    body: row.body,
    format: row.format,
    ciphertext: row.ciphertext,
    attachments: row.attachments,
    replyTo: row.reply_to,
    threadId: row.thread_id,
    thread: row.thread_last_at && { count: row.thread_count, lastAt: row.thread_last_at.toISOString() },
    mentions: row.mentions,
    reactions: row.reactions,
    metadata: row.metadata,
    edited:
      edited_at && edited_by !== null
        ? { at: edited_at.toISOString(), by: edited_by, count: row.edit_count }
        : null,
    deleted: null,
    pinned: row.pinned,
    version: row.version,
  };
  if (!deleted_at || deleted_by === null) return view;
  return {
    ...view,
    ...TOMBSTONE,
    deleted: { at: deleted_at.toISOString(), by: deleted_by, reason: row.delete_reason },
  };
}
