import type { Pool } from 'pg';
import type { NotifierMetrics } from './metrics.ts';
import type { SendCommand } from './send-command.ts';

const BATCH = 100;

interface DueMessage {
  userId: string;
  scheduleId: string;
  dueAt: Date;
}

/** Scheduled messages whose time has come, the longest overdue first. What was sent or refused has no such row. */
async function dueMessages(pool: Pool, now: Date, waiting: readonly string[]): Promise<DueMessage[]> {
  const { rows } = await pool.query<DueMessage>({
    name: 'due-messages',
    text: `select user_id as "userId", schedule_id as "scheduleId", due_at as "dueAt" from read_model.scheduled_messages
      where state <> 'failed' and due_at <= $1 and schedule_id <> all($2::uuid[]) order by due_at limit ${BATCH}`,
    values: [now, waiting],
  });
  return rows;
}

/** Those that must wait for a reason of their own (slow mode), so that they do not hold up the others. */
export class PutOff {
  readonly #until = new Map<string, number>();

  add(scheduleId: string, until: number): void {
    this.#until.set(scheduleId, until);
  }

  at(now: number): string[] {
    for (const [id, until] of this.#until) if (until <= now) this.#until.delete(id);
    return [...this.#until.keys()];
  }
}

/**
 * Has every due message sent; resolves to how many were asked for. Asking again, by this process or another one, is
 * harmless: the command API sends each once. A failure ends the round, the rest waits for the next.
 */
export async function deliverDueMessages(
  {
    pool,
    send,
    metrics,
    putOff,
  }: { pool: Pool; send: SendCommand; metrics: NotifierMetrics; putOff: PutOff },
  now: Date,
): Promise<number> {
  const type = 'message.deliver-scheduled';
  const due = await dueMessages(pool, now, putOff.at(now.getTime()));
  for (const { userId, scheduleId, dueAt } of due) {
    const reply = await send(type, { userId, scheduleId }).catch((error: unknown) => {
      metrics.commands.inc({ type, outcome: 'failed' });
      throw error;
    });
    if (reply.kind === 'later') putOff.add(scheduleId, now.getTime() + reply.retryAfterMs);
    const sent = reply.kind === 'accepted' && reply.result.outcome === 'sent';
    metrics.commands.inc({ type, outcome: sent ? 'done' : reply.kind === 'later' ? 'put off' : 'refused' });
    if (sent) metrics.lateSeconds.observe(Math.max(0, (Date.now() - dueAt.getTime()) / 1_000));
  }
  return due.length;
}
