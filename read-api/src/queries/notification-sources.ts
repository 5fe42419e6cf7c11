import type { NotificationKind } from '@parley/contracts';
import { READER } from './membership.ts';
import { isHidden } from './unread-count.ts';

/**
 * SQL of what notifies the reader `$1`: kinds `$2`, before the cursor `$3, $4, $5`, read through the sequence `$6`, unread
 * only `$7`, levels by conversation `$8`, at most `$9` rows.
 *
 * Each kind reads an index of its own from the newest on and checks row by row until it has a page: the inner order has
 * the checks done after the sort and not before it, and each lateral limit keeps a check at one probe.
 */
interface Fact {
  kind: NotificationKind;
  /** Expressions; one commit may hold several facts, which class and place put in order. */
  sequence: string;
  class: 0 | 1 | 2;
  place: string;
  at: string;
  by: string;
  isRead: string;
}

const conversationOf = (id: string) => `cross join lateral (select * from read_model.conversations
    where id = ${id} and deleted_at is null limit 1) c ${READER}`;

/** Below this nothing is unread: it ends the reading of an index. */
const LOWEST = 'case when $7::boolean then $6::bigint else -1 end';

/** The empty text keeps it off the indexes by user, which look as good to the planner and hold all mentions of one. */
const IS_MENTIONED = `exists (select from read_model.mentions n
    where n.conversation_id = d.conversation_id and n.ordinal = d.ordinal and n.user_id || '' = $1 offset 0)`;

/** What names the user most tells of a message, of those that they want to be told of. */
const IS_TOLD_AS_MENTION = `('mention' = any($2::text[]) and ${IS_MENTIONED})`;

/** Of a message `d` that the reader may see, in a conversation that they are in. */
const isVisibleSince = (sequence: string) => `m.user_id is not null and ${sequence} >= m.joined_sequence
  and d.deleted_at is null and d.ordinal > f.hidden_through
  and not ${isHidden('d')}`;

/** Reading the message reads what it notified of; in a thread that is the thread's cursor. */
const IS_COVERED = `coalesce(d.ordinal <= case when d.thread_ordinal is null then m.read_ordinal else (
    select tf.read_ordinal from read_model.thread_followers tf
    where tf.user_id = $1 and tf.conversation_id = d.conversation_id and tf.ordinal = d.thread_ordinal) end, false)`;

/** What every kind asks: whether the user wants it told, now and here, and whether it is on this page. */
function isWanted(fact: Fact): string {
  const namesUser = fact.kind === 'mention' || fact.kind === 'all' || fact.kind === 'reply';
  return `'${fact.kind}' = any($2::text[]) and ${fact.by} <> $1
    and not exists (select from read_model.blocks b where b.user_id = $1 and b.blocked_id = ${fact.by} offset 0)
    and coalesce($8::jsonb ->> c.id::text, 'all') ${namesUser ? "<> 'none'" : "= 'all'"}
    and not coalesce(${fact.sequence} > uc.muted_sequence and ${fact.at} < uc.muted_until, false)
    and (${fact.sequence}, ${fact.class}, ${fact.place}) < ($3::bigint, $4::int, $5::int)
    and not ($7 and (${fact.isRead}))`;
}

const columns = (
  fact: Fact,
  others: string,
) => `'${fact.kind}' as kind, ${fact.class} as class, ${fact.place} as place,
    c.id as conversation_id, c.title, ${fact.sequence} as sequence, ${fact.at} as at, ${fact.by} as by,
    ${fact.isRead} as read, ${others}`;

const OF_MESSAGE = 'd.message_id, d.ordinal, left(d.body, 140) as preview, null as emoji';

/** A message `d`; it tells since `told`, which for a mention may be an edit, of which the last one's time is known. */
const messageFact = (kind: NotificationKind): Fact => ({
  kind,
  sequence: 'd.told',
  class: 0,
  place: 'd.ordinal',
  at: 'case when d.told > d.sequence then coalesce(d.edited_at, d.sent_at) else d.sent_at end',
  by: 'd.sender_id',
  isRead: `d.told <= $6::bigint or ${IS_COVERED}`,
});

/**
 * From an index that has all conversations of the user in the order of the log. A commit may hold messages and, after
 * them, that the user joined: those are told by their ordinal, unless an edit has named the user since.
 */
function newestFirst(kind: NotificationKind, source: string, condition = 'true'): string {
  const fact = messageFact(kind);
  return `(select ${columns(fact, OF_MESSAGE)}
    from (${source} order by sequence desc, ordinal desc) x
    cross join lateral (select *, x.sequence as told from read_model.messages
      where conversation_id = x.conversation_id and ordinal = x.ordinal limit 1) d
    ${conversationOf('x.conversation_id')}
    where ${isWanted(fact)} and ${isVisibleSince(fact.sequence)} and ${condition}
      and (d.told > d.sequence or d.ordinal > m.joined_ordinal)
    order by x.sequence desc, x.ordinal desc limit $9)`;
}

/** From an index of each conversation or thread, after an ordinal: from every one at most a page. */
function conversationFirst(kind: NotificationKind, source: string, condition: string, after: string): string {
  const fact = messageFact(kind);
  return `(select ${columns(fact, OF_MESSAGE)}
    from (${source}) x ${conversationOf('x.conversation_id')}
    cross join lateral (select * from (select *, sequence as told from read_model.messages) d
      where d.conversation_id = x.conversation_id and d.sequence <= $3
        and d.sequence > ${LOWEST} and d.ordinal > ${after} and ${condition}
        and not ('reply' = any($2::text[]) and d.reply_to_author is not distinct from $1)
        and not ${IS_TOLD_AS_MENTION}
        and ${isWanted(fact)} and ${isVisibleSince(fact.sequence)}
      order by d.ordinal desc limit $9) d
    order by d.sequence desc, d.ordinal desc limit $9)`;
}

const MENTIONS = newestFirst(
  'mention',
  `select conversation_id, ordinal, sequence from read_model.mentions
    where user_id = $1 and sequence <= $3 and sequence > ${LOWEST}`,
);

const REPLIES = newestFirst(
  'reply',
  `select conversation_id, ordinal, sequence from read_model.messages
    where reply_to_author = $1 and sequence <= $3 and sequence > ${LOWEST}`,
  `not ${IS_TOLD_AS_MENTION}`,
);

const IN_THREADS = conversationFirst(
  'thread',
  `select tf.conversation_id, tf.ordinal, tf.followed_from, tf.read_ordinal from read_model.thread_followers tf
    cross join lateral (select last_reply_ordinal, last_reply_sequence from read_model.threads
      where conversation_id = tf.conversation_id and ordinal = tf.ordinal limit 1) t
    where tf.user_id = $1 and t.last_reply_ordinal > tf.followed_from and t.last_reply_sequence > ${LOWEST}`,
  'd.thread_ordinal = x.ordinal',
  'greatest(x.followed_from, m.joined_ordinal, case when $7 then x.read_ordinal end)',
);

const TO_ALL = conversationFirst(
  'all',
  `select m.conversation_id from read_model.members m
    cross join lateral (select last_mention_all_ordinal, last_message_sequence from read_model.conversations
      where id = m.conversation_id limit 1) k
    where m.user_id = $1 and m.left_sequence is null and k.last_mention_all_ordinal > m.joined_ordinal
      and k.last_message_sequence > ${LOWEST}`,
  'd.mentions_all and d.thread_ordinal is null',
  'greatest(m.joined_ordinal, case when $7 then m.read_ordinal end)',
);

const reaction: Fact = {
  kind: 'reaction',
  sequence: 'x.sequence',
  class: 1,
  place: 'x.version',
  at: 'x.at',
  by: 'x.user_id',
  isRead: 'x.sequence <= $6::bigint',
};

/** A reaction taken back is none, and one given again counts from then. Having read the message does not read it. */
const REACTIONS = `(select ${columns(reaction, 'd.message_id, d.ordinal, left(d.body, 140) as preview, x.emoji')}
  from (select * from read_model.reactions where author_id = $1 and latest and added and sequence <= $3 and sequence > ${LOWEST}
    order by sequence desc, version desc) x
  cross join lateral (select * from read_model.messages
    where conversation_id = x.conversation_id and ordinal = x.ordinal limit 1) d
  ${conversationOf('x.conversation_id')}
  where ${isWanted(reaction)} and ${isVisibleSince(reaction.sequence)}
  order by x.sequence desc, x.version desc limit $9)`;

const invite: Fact = {
  kind: 'invite',
  sequence: 'x.sequence',
  class: 2,
  place: '0',
  at: 'x.at',
  by: 'x.invited_by',
  isRead: 'x.sequence <= $6::bigint',
};

const INVITES = `(select ${columns(invite, 'null::uuid as message_id, null::int as ordinal, null as preview, null as emoji')}
  from (select * from read_model.invites
    where user_id = $1 and sequence <= $3 and sequence > ${LOWEST} and (expires_at is null or expires_at > now())
    order by sequence desc) x ${conversationOf('x.conversation_id')}
  where ${isWanted(invite)}
  order by x.sequence desc limit $9)`;

/** One statement for all kinds. A message that is of several is told of once, as the first of these. */
export const NOTIFICATIONS = `select * from (
    ${[MENTIONS, REPLIES, IN_THREADS, TO_ALL, REACTIONS, INVITES].join(' union all ')}) told
  order by sequence desc, class desc, place desc limit $9`;
