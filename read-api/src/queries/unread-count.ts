/**
 * SQL for unread of a member row `m` in a conversation row `c`: computed from two numbers, never counted up and down.
 * Deleted messages are looked up only where one lies behind the cursor; its partial index holds deletions alone.
 */
export const UNREAD = `greatest(0, c.message_count - m.read_ordinal - case
    when c.last_deleted_ordinal > m.read_ordinal then (
      select count(*) from read_model.messages d
      where d.conversation_id = c.id and d.ordinal > m.read_ordinal and d.deleted_at is not null)
    else 0 end)::int`;
