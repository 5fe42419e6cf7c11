import { AUDIT_SCOPE, type AuditPage } from '@parley/contracts';
import { ProblemError } from '@parley/runtime';
import { z } from 'zod';
import { enter } from '../access.ts';
import { cursorCount, cursorSequence, decodeCursor, pageOf } from '../page.ts';
import type { QueryRequest } from '../read-query.ts';
import type { Snapshot } from '../snapshot.ts';

/** [sequence, version]: a commit may hold several facts. */
const cursorSchema = z.tuple([cursorSequence, cursorCount]);

interface AuditRow {
  conversation_id: string;
  version: number;
  sequence: string;
  at: Date;
  actor: string;
  type: string;
  details: AuditPage['items'][number]['details'];
}

const COLUMNS = 'conversation_id, version, sequence, at, actor, type, details';

/** A sequence is of one conversation, so either order is the same; each is that of its index. */
const OF_CONVERSATION = `select ${COLUMNS} from read_model.audit
  where conversation_id = $1 and ($2::bigint is null or version < $3) order by version desc limit $4`;
const OF_ALL = `select ${COLUMNS} from read_model.audit
  where $1::uuid is null and ($2::bigint is null or sequence <= $2)
    and ($2::bigint is null or sequence < $2 or version < $3)
  order by sequence desc, conversation_id, version desc limit $4`;

/**
 * Who did what, newest first: of one conversation for its admins, of any and of all for tokens with the audit scope,
 * deleted conversations included. Throws `insufficient-scope` for all without it.
 */
export async function readAudit(
  { client, asOf }: Snapshot,
  { query, principal }: QueryRequest<'audit'>,
): Promise<AuditPage> {
  const { conversation = null, limit } = query;
  const [sequence, version] = decodeCursor(query.cursor, cursorSchema) ?? [null, null];
  if (!principal.scopes.includes(AUDIT_SCOPE)) {
    if (conversation === null) throw new ProblemError('insufficient-scope', { detail: AUDIT_SCOPE });
    await enter(client, 'audit', conversation, principal);
  }
  const { rows } = await client.query<AuditRow>({
    name: conversation === null ? 'audit' : 'audit-of-conversation',
    text: conversation === null ? OF_ALL : OF_CONVERSATION,
    values: [conversation, sequence, version, limit + 1],
  });
  const { page, nextCursor } = pageOf(rows, limit, (row) => [Number(row.sequence), row.version]);
  const items = page.map(({ conversation_id, ...row }) => ({
    ...row,
    conversationId: conversation_id,
    sequence: Number(row.sequence),
    at: row.at.toISOString(),
  }));
  return { asOf, items, nextCursor };
}
