import type { Format, MessagesPage, MessagesQuery, MessageView } from '@parley/contracts';
import type { Snapshot } from '../snapshot.ts';
import { messageRange } from '../visibility.ts';
import { visibleConversation } from './conversation.ts';

interface MessageRow {
  message_id: string;
  ordinal: number;
  sequence: string;
  sender_id: string;
  sent_at: Date;
  body: string | null;
  format: Format;
  reply_to: string | null;
  metadata: MessageView['metadata'];
  edited_at: Date | null;
  edited_by: string | null;
  edit_count: number;
  deleted_at: Date | null;
  deleted_by: string | null;
  delete_reason: string | null;
  version: number;
}

/** A page of history in ascending ordinals. Reading it moves no cursor. */
export async function readMessages(
  { client, asOf }: Snapshot,
  conversationId: string,
  query: MessagesQuery,
  userId: string,
): Promise<MessagesPage> {
  const { messageCount, version } = await visibleConversation(client, conversationId, userId);
  const { from, to } = messageRange(query, messageCount);
  const { rows } = await client.query<MessageRow>({
    name: 'messages',
    text: `select message_id, ordinal, sequence, sender_id, sent_at, body, format, reply_to, metadata, edited_at,
        edited_by, edit_count, deleted_at, deleted_by, delete_reason, version
      from read_model.messages where conversation_id = $1 and ordinal between $2 and $3 order by ordinal`,
    values: [conversationId, from, to],
  });
  const items = rows.map((row) => messageView(conversationId, row));
  return { asOf, version, items, hasBefore: from > 1 && messageCount > 0, hasAfter: to < messageCount };
}

function messageView(conversationId: string, row: MessageRow): MessageView {
  const { edited_at, edited_by, deleted_at, deleted_by } = row;
  return {
    messageId: row.message_id,
    conversationId,
    ordinal: row.ordinal,
    sequence: Number(row.sequence),
    senderId: row.sender_id,
    sentAt: row.sent_at.toISOString(),
    body: row.body,
    format: row.format,
    replyTo: row.reply_to,
    metadata: row.metadata,
    edited:
      edited_at && edited_by !== null
        ? { at: edited_at.toISOString(), by: edited_by, count: row.edit_count }
        : null,
    deleted:
      deleted_at && deleted_by !== null
        ? { at: deleted_at.toISOString(), by: deleted_by, reason: row.delete_reason }
        : null,
    version: row.version,
  };
}
