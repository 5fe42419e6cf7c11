import type { ReportsPage } from '@parley/contracts';
import { z } from 'zod';
import { enter } from '../access.ts';
import { cursorSequence, decodeCursor, pageOf } from '../page.ts';
import type { QueryRequest } from '../read-query.ts';
import type { Snapshot } from '../snapshot.ts';

/** [sequence]: a commit holds one report. */
const cursorSchema = z.tuple([cursorSequence]);

interface ReportRow {
  message_id: string;
  ordinal: number;
  author_id: string;
  user_id: string;
  reason: ReportsPage['items'][number]['reason'];
  note: string | null;
  at: Date;
  sequence: string;
}

/** Messages that were reported, the newest report first. */
export async function readReports(
  { client, asOf }: Snapshot,
  { params: { conversationId }, query, principal }: QueryRequest<'reports'>,
): Promise<ReportsPage> {
  const [before] = decodeCursor(query.cursor, cursorSchema) ?? [null];
  await enter(client, 'reports', conversationId, principal);
  const { rows } = await client.query<ReportRow>({
    name: 'reports',
    text: `select message_id, ordinal, author_id, user_id, reason, note, at, sequence from read_model.reports
      where conversation_id = $1 and ($2::bigint is null or sequence < $2) order by sequence desc limit $3`,
    values: [conversationId, before, query.limit + 1],
  });
  const { page, nextCursor } = pageOf(rows, query.limit, (row) => [Number(row.sequence)]);
  const items = page.map((row) => ({
    messageId: row.message_id,
    ordinal: row.ordinal,
    authorId: row.author_id,
    reportedBy: row.user_id,
    reason: row.reason,
    note: row.note,
    at: row.at.toISOString(),
  }));
  return { asOf, items, nextCursor };
}
