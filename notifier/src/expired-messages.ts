import type { Pool } from 'pg';
import type { NotifierMetrics } from './metrics.ts';
import type { SendCommand } from './send-command.ts';

/** As many as one command empties: the decider refuses more. */
const STEP = 5_000;
const CONVERSATIONS = 500;

/** A conversation looked at; `throughOrdinal` is null when nothing in it is over its time. */
type Looked = { conversationId: string; throughOrdinal: number | null };

/**
 * The next conversations with a retention, in the order of their ids. Sending times rise with the ordinals, so the oldest
 * message that is still kept tells whether there is anything to do: one index probe where there is not.
 */
async function lookAt(pool: Pool, now: Date, after: string | null): Promise<Looked[]> {
  const { rows } = await pool.query<Looked>({
    name: 'expired-messages',
    text: `select c.id as "conversationId", x.through as "throughOrdinal"
      from (select id, expired_ordinal, $1::timestamptz - make_interval(days => (settings ->> 'retentionDays')::int) as until
              from read_model.conversations
             where settings ->> 'retentionDays' is not null and deleted_at is null and ($2::uuid is null or id > $2)
             order by id limit ${CONVERSATIONS}) c
      left join read_model.messages oldest
        on oldest.conversation_id = c.id and oldest.ordinal = c.expired_ordinal + 1 and oldest.sent_at < c.until
      left join lateral (
        select max(ordinal) as through from (
          select ordinal, sent_at from read_model.messages
           where conversation_id = c.id and ordinal > c.expired_ordinal order by ordinal limit ${STEP}) step
         where oldest.ordinal is not null and sent_at < c.until) x on oldest.ordinal is not null
      order by c.id`,
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
    const looked = await lookAt(pool, now, after);
    for (const { conversationId, throughOrdinal } of looked) {
      if (throughOrdinal === null) continue;
      const reply = await send(type, { conversationId, throughOrdinal });
      metrics.commands.inc({ type, outcome: reply.kind === 'accepted' ? 'done' : 'refused' });
      touched += 1;
    }
    if (looked.length < CONVERSATIONS) return touched;
    after = looked.at(-1)?.conversationId ?? null;
  }
}
