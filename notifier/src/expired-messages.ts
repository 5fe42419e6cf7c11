import type { Pool } from 'pg';
import type { NotifierMetrics } from './metrics.ts';
import type { SendCommand } from './send-command.ts';

/** As many as one command empties: the decider refuses more. */
const STEP = 5_000;
const CONVERSATIONS = 500;

interface Expired {
  conversationId: string;
  throughOrdinal: number;
}

/**
 * Conversations that hold messages older than their retention, after a given one. Sending times rise with the ordinals,
 * so the oldest message that is still kept tells whether there is anything to do.
 */
async function expiredMessages(pool: Pool, now: Date, after: string | null): Promise<Expired[]> {
  const { rows } = await pool.query<Expired>({
    name: 'expired-messages',
    text: `select c.id as "conversationId", x.through as "throughOrdinal"
      from (select id, expired_ordinal, $1::timestamptz - make_interval(days => (settings ->> 'retentionDays')::int) as until
              from read_model.conversations
             where settings ->> 'retentionDays' is not null and deleted_at is null and ($2::uuid is null or id > $2)
             order by id) c
      cross join lateral (
        select max(ordinal) as through from (
          select ordinal, sent_at from read_model.messages
           where conversation_id = c.id and ordinal > c.expired_ordinal order by ordinal limit ${STEP}) oldest
         where sent_at < c.until) x
      where x.through is not null order by c.id limit ${CONVERSATIONS}`,
    values: [now, after],
  });
  return rows;
}

/** Empties what is over its time, one step for each conversation; resolves to how many conversations it touched. */
export async function expireMessages(
  { pool, send, metrics }: { pool: Pool; send: SendCommand; metrics: NotifierMetrics },
  now: Date,
): Promise<number> {
  const type = 'conversation.expire-messages';
  let touched = 0;
  for (let after: string | null = null; ; ) {
    const expired = await expiredMessages(pool, now, after);
    for (const { conversationId, throughOrdinal } of expired) {
      const reply = await send(type, { conversationId, throughOrdinal });
      metrics.commands.inc({ type, outcome: reply.kind === 'accepted' ? 'done' : 'refused' });
    }
    touched += expired.length;
    if (expired.length < CONVERSATIONS) return touched;
    after = expired.at(-1)?.conversationId ?? null;
  }
}
