/**
 * SQL of what a reader has not read, for a conversation `c` and the reader `$1` as `READER` joins them: a member row `m`
 * or none, own facts `uc` or none, and `floor`. Computed from a few numbers, never counted up and down. Messages are
 * looked at only where a hint of the conversation or the member says that there is something behind the floor.
 *
 * Here and in what uses this: a lateral limit and an "exists … offset 0" each stay one index probe per row. Without them
 * the planner joins, and from a wrong guess at a user's rows it may compare all with all (26 s measured, for 0.1).
 */
export const isHidden = (message: string) => `exists (select from read_model.hidden_messages h
    where h.user_id = $1 and h.conversation_id = ${message}.conversation_id and h.ordinal = ${message}.ordinal offset 0)`;

/** Replies among the messages up to the floor: where none came after it, the conversation's own count. */
const REPLIES_READ = `case
    when f.floor = 0 then 0
    when c.last_reply_ordinal <= f.floor then c.reply_count
    else coalesce((select p.replies from read_model.messages p
      where p.conversation_id = c.id and p.ordinal = f.floor), 0) end`;

const DELETED = `case when c.last_deleted_ordinal > f.floor then (
    select count(*) from read_model.messages d
    where d.conversation_id = c.id and d.ordinal > f.floor and d.deleted_at is not null and d.thread_ordinal is null)
  else 0 end`;

/** One probe for each message that the reader hid: the message says whether it would count. */
const HIDDEN = `case when uc.last_hidden_ordinal > f.floor then (
    select count(*) from read_model.hidden_messages h
    cross join lateral (select d.deleted_at, d.thread_ordinal from read_model.messages d
      where d.conversation_id = c.id and d.ordinal = h.ordinal limit 1) d
    where h.user_id = $1 and h.conversation_id = c.id and h.ordinal > f.floor
      and d.deleted_at is null and d.thread_ordinal is null)
  else 0 end`;

export const UNREAD = `greatest(0, c.message_count - f.floor - (c.reply_count - ${REPLIES_READ})
  - ${DELETED} - ${HIDDEN})::int`;

export const MENTIONS = `case when greatest(m.last_mention_ordinal, c.last_mention_all_ordinal) > f.floor
    and m.user_id is not null then (
    select count(*) from (
      select n.ordinal from read_model.mentions n
      where n.user_id = $1 and n.conversation_id = c.id and n.ordinal > f.floor and not n.in_thread
      union
      select a.ordinal from read_model.messages a
      where a.conversation_id = c.id and a.ordinal > f.floor and a.mentions_all) called
    cross join lateral (select d.* from read_model.messages d
      where d.conversation_id = c.id and d.ordinal = called.ordinal limit 1) d
    where d.deleted_at is null and d.thread_ordinal is null and d.sender_id <> $1 and not ${isHidden('d')})
  else 0 end::int`;

/** A followed thread `tf` whose root the reader may see: without its root a thread is shown and counted nowhere. */
export const IS_ROOT_SHOWN = `tf.ordinal > f.hidden_through and not ${isHidden('tf')}`;

/** Where the unread replies of a followed thread `tf` begin. */
const THREAD_FLOOR = 'greatest(tf.read_ordinal, m.joined_ordinal, c.expired_ordinal)';

/** Of one followed thread `tf`. */
export const UNREAD_REPLIES = `(select count(*) from read_model.messages r
    where r.conversation_id = c.id and r.thread_ordinal = tf.ordinal and r.ordinal > ${THREAD_FLOOR}
      and r.deleted_at is null and not ${isHidden('r')})::int`;

export const THREAD_UNREAD = `case when c.last_reply_ordinal > greatest(m.joined_ordinal, c.expired_ordinal)
    and m.user_id is not null then (
    select coalesce(sum(${UNREAD_REPLIES}), 0) from read_model.thread_followers tf
    cross join lateral (select t.last_reply_ordinal from read_model.threads t
      where t.conversation_id = c.id and t.ordinal = tf.ordinal limit 1) t
    where tf.user_id = $1 and tf.conversation_id = c.id and t.last_reply_ordinal > ${THREAD_FLOOR}
      and ${IS_ROOT_SHOWN})
  else 0 end::int`;
