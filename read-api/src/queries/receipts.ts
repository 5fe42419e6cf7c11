import { MAX_MEMBERS_WITH_RECEIPTS, type ReceiptsAnswer } from '@parley/contracts';
import { ProblemError } from '@parley/runtime';
import { type Entry, enter } from '../access.ts';
import type { QueryRequest } from '../read-query.ts';
import type { Snapshot } from '../snapshot.ts';

/** Whether the members of a conversation see how far the others have read. */
export function hasReceipts({ settings, memberCount }: Entry): boolean {
  return settings.receipts && memberCount <= MAX_MEMBERS_WITH_RECEIPTS;
}

/**
 * SQL: the read cursor of a member row `m` as the reader `$1` may see it. Private reading shows in one's own alone.
 */
export const SHOWN_READ = 'case when m.user_id = $1 then m.read_ordinal else m.receipt_ordinal end';

interface ReceiptRow {
  user_id: string;
  read_ordinal: number;
  delivered_ordinal: number;
}

/**
 * How far each member has read and received; with an ordinal only those who have that message. Throws
 * `not-allowed-here` where receipts are off or the conversation is too large.
 */
export async function readReceipts(
  { client, asOf }: Snapshot,
  { params: { conversationId }, query, principal }: QueryRequest<'receipts'>,
): Promise<ReceiptsAnswer> {
  const entry = await enter(client, 'receipts', conversationId, principal);
  if (!hasReceipts(entry)) {
    const detail = entry.settings.receipts
      ? `receipts exist in conversations of at most ${MAX_MEMBERS_WITH_RECEIPTS} members`
      : 'receipts are off in this conversation';
    throw new ProblemError('not-allowed-here', { detail });
  }
  const { rows } = await client.query<ReceiptRow>({
    name: 'receipts',
    text: `select m.user_id, ${SHOWN_READ} as read_ordinal, m.delivered_ordinal from read_model.members m
      where m.conversation_id = $2 and m.left_sequence is null
        and greatest(${SHOWN_READ}, m.delivered_ordinal) >= $3::bigint
      order by m.user_id`,
    values: [principal.userId, conversationId, query.ordinal ?? 0],
  });
  const items = rows.map((row) => ({
    userId: row.user_id,
    readOrdinal: row.read_ordinal,
    deliveredOrdinal: row.delivered_ordinal,
  }));
  return { asOf, items };
}
