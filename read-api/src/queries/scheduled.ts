import { messageIdSchema, type ScheduledPage } from '@parley/contracts';
import { z } from 'zod';
import { cursorTime, decodeCursor, pageOf } from '../page.ts';
import type { QueryRequest } from '../read-query.ts';
import type { Snapshot } from '../snapshot.ts';

/** [due, id]; cursors count milliseconds, so rows are ordered by no less. */
const cursorSchema = z.tuple([cursorTime, messageIdSchema]);

type Item = ScheduledPage['items'][number];

interface ScheduledRow {
  schedule_id: string;
  conversation_id: string;
  due_at: Date;
  message: Item['message'];
  state: 'pending' | 'released' | 'failed';
  code: string | null;
}

/** The next one first. A released one stays until its message, which has its id, is in the conversation. */
export async function readScheduled(
  { client, asOf }: Snapshot,
  { query, principal }: QueryRequest<'scheduled'>,
): Promise<ScheduledPage> {
  const [dueAt, id] = decodeCursor(query.cursor, cursorSchema) ?? [null, null];
  const { rows } = await client.query<ScheduledRow>({
    name: 'scheduled',
    text: `select schedule_id, conversation_id, due_at, message, state, code from (
        select *, date_trunc('milliseconds', due_at) as due from read_model.scheduled_messages where user_id = $1) s
      where ($2::timestamptz is null or (due, schedule_id) > ($2, $3::uuid))
        and (state <> 'released' or not exists (select from read_model.messages m
          where m.conversation_id = s.conversation_id and m.message_id = s.schedule_id offset 0))
      order by due, schedule_id limit $4`,
    values: [principal.userId, dueAt === null ? null : new Date(dueAt).toISOString(), id, query.limit + 1],
  });
  const { page, nextCursor } = pageOf(rows, query.limit, (row) => [row.due_at.getTime(), row.schedule_id]);
  return {
    asOf,
    items: page.map((row) => ({
      scheduleId: row.schedule_id,
      conversationId: row.conversation_id,
      at: row.due_at.toISOString(),
      message: row.message,
      state: row.state === 'released' ? 'sending' : row.state,
      code: row.code,
    })),
    nextCursor,
  };
}
