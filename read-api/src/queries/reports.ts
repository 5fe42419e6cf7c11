import { AUDIT_SCOPE, type Query, type ReportsPage } from '@parley/contracts';
import { ProblemError } from '@parley/runtime';
import { z } from 'zod';
import { enter } from '../access.ts';
import { cursorSequence, decodeCursor, pageOf } from '../page.ts';
import type { QueryRequest } from '../read-query.ts';
import type { Snapshot } from '../snapshot.ts';

/** [sequence]: a commit holds one report. */
const cursorSchema = z.tuple([cursorSequence]);

interface ReportRow {
  conversation_id: string;
  message_id: string;
  ordinal: number;
  author_id: string;
  user_id: string;
  reason: ReportsPage['items'][number]['reason'];
  note: string | null;
  at: Date;
  sequence: string;
}

const COLUMNS = 'conversation_id, message_id, ordinal, author_id, user_id, reason, note, at, sequence';
const OF_CONVERSATION = `select ${COLUMNS} from read_model.reports
  where conversation_id = $1 and ($2::bigint is null or sequence < $2) order by sequence desc limit $3`;
const OF_ALL = `select ${COLUMNS} from read_model.reports
  where $1::uuid is null and ($2::bigint is null or sequence < $2) order by sequence desc limit $3`;

/** Messages of a conversation that were reported, the newest report first. */
export async function readReports(
  snapshot: Snapshot,
  { params: { conversationId }, query, principal }: QueryRequest<'reports'>,
): Promise<ReportsPage> {
  await enter(snapshot.client, 'reports', conversationId, principal);
  return pageOfReports(snapshot, conversationId, query);
}

/** The same of everything. Throws `insufficient-scope` for all tokens without the audit scope. */
export async function readAllReports(
  snapshot: Snapshot,
  { query, principal }: QueryRequest<'allReports'>,
): Promise<ReportsPage> {
  if (!principal.scopes.includes(AUDIT_SCOPE))
    throw new ProblemError('insufficient-scope', { detail: AUDIT_SCOPE });
  return pageOfReports(snapshot, null, query);
}

async function pageOfReports(
  { client, asOf }: Snapshot,
  conversationId: string | null,
  query: Query<'reports'>,
): Promise<ReportsPage> {
  const [before] = decodeCursor(query.cursor, cursorSchema) ?? [null];
  const { rows } = await client.query<ReportRow>({
    name: conversationId === null ? 'all-reports' : 'reports',
    text: conversationId === null ? OF_ALL : OF_CONVERSATION,
    values: [conversationId, before, query.limit + 1],
  });
  const { page, nextCursor } = pageOf(rows, query.limit, (row) => [Number(row.sequence)]);
  const items = page.map((row) => ({
    conversationId: row.conversation_id,
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
