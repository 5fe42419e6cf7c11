/**
 * SQL for unread of a member row `m` in a conversation row `c`: computed from two numbers, never counted up and down.
 * Deleted messages are looked up only where one lies behind the cursor; its partial index holds deletions alone.
 */
export const UNREAD = `greatest(0, c.message_count - m.read_ordinal - case
    when c.last_deleted_ordinal > m.read_ordinal then (
      select count(*) from read_model.messages d
      where d.conversation_id = c.id and d.ordinal > m.read_ordinal and d.deleted_at is not null)
    else 0 end)::int`;

/**
 * SQL for each conversation `c` that the user `$1` is in, with their member row `m`. The limit keeps the planner at one
 * index probe per membership: from about 1,000 of 100,000 conversations on it may prefer to read them all.
 */
export const MINE = `read_model.members m
  cross join lateral (select * from read_model.conversations where id = m.conversation_id limit 1) c
  where m.user_id = $1 and m.left_sequence is null`;
