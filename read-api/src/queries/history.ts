import type { Ciphertext, Format, HistoryAnswer } from '@parley/contracts';
import { enter } from '../access.ts';
import type { QueryRequest } from '../read-query.ts';
import type { Snapshot } from '../snapshot.ts';
import { locateMessage } from './located-message.ts';

interface TextRow {
  at: Date;
  by: string;
  body: string | null;
  format: Format;
  ciphertext: Ciphertext | null;
  version: number;
}

/** Every text that a message has had, oldest first; a message that was never edited has its one text in its own row. */
export async function readHistory(
  { client, asOf }: Snapshot,
  { params: { conversationId, messageId }, principal }: QueryRequest<'history'>,
): Promise<HistoryAnswer> {
  const entry = await enter(client, 'history', conversationId, principal);
  const { ordinal, deleted } = await locateMessage(client, entry, messageId, principal.userId);
  if (deleted) return { asOf, items: [] };
  const { rows } = await client.query<TextRow>({
    name: 'history',
    text: `select at, by, body, format, ciphertext, version from read_model.message_edits
        where conversation_id = $1 and ordinal = $2
      union all
      select sent_at, sender_id, body, format, ciphertext, version from read_model.messages
        where conversation_id = $1 and ordinal = $2 and edit_count = 0
      order by version`,
    values: [conversationId, ordinal],
  });
  return { asOf, items: rows.map((row) => ({ ...row, at: row.at.toISOString() })) };
}
