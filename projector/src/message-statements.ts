import type {
  ConversationRows,
  OfConversation,
  OfMessage,
  OrdinalRange,
  SentRow,
} from './conversation-rows.ts';
import type { Edit, MessageChange } from './projections/message-change.ts';
import type { Statement } from './statements.ts';

/** Of a row `u`: it has not expired before this batch. */
const KEPT_BEFORE = `coalesce((SELECT g.expired_ordinal < u.ordinal FROM conversations g
               WHERE g.id = u.conversation_id), true)`;

/**
 * Of a row `u`: neither was its message deleted nor has it expired before this batch. What a batch itself deletes or
 * expires is told apart when it is folded, so this holds only before the statements that write messages and counts.
 * Subqueries and no anti-joins, which compared all rows with all deleted messages where the planner knew of none.
 */
export const ALIVE_BEFORE = `coalesce((SELECT g.deleted_at IS NULL FROM messages g
               WHERE g.conversation_id = u.conversation_id AND g.ordinal = u.ordinal), true)
            AND ${KEPT_BEFORE}`;

const lastEdit = ({ row }: { row: MessageChange }): Edit | undefined => row.edits.at(-1);

const isEmptied = ({ row, expired }: SentRow): boolean => expired || row.deletion !== null;

export const insertMessages: Statement<SentRow> = {
  name: 'insert-messages',
  text: `INSERT INTO messages (conversation_id, ordinal, message_id, sequence, sender_id, sent_at, replies,
           body, format, ciphertext, attachments, reply_to, reply_to_author, thread_id, thread_ordinal, mentions,
           mentions_all, metadata, edited_at, edited_by, edit_count, deleted_at, deleted_by, delete_reason, version,
           sent_version)
         SELECT * FROM unnest($1::uuid[], $2::int[], $3::uuid[], $4::bigint[], $5::text[], $6::timestamptz[], $7::int[],
           $8::text[], $9::text[], $10::text[]::json[], $11::text[]::json[], $12::uuid[], $13::text[], $14::uuid[],
           $15::int[], $16::text[]::json[], $17::bool[], $18::text[]::json[], $19::timestamptz[], $20::text[], $21::int[],
           $22::timestamptz[], $23::text[], $24::text[], $25::int[], $26::int[])`,
  columns: [
    { plain: ({ conversationId }) => conversationId },
    { plain: ({ ordinal }) => ordinal },
    { plain: ({ sent }) => sent.messageId },
    { plain: ({ sent }) => sent.sequence },
    { text: ({ sent }) => sent.senderId },
    { plain: ({ sent }) => sent.sentAt },
    { plain: ({ sent }) => sent.replies },
    { text: (each) => (isEmptied(each) ? null : (lastEdit(each) ?? each.sent).body) },
    { text: (each) => (lastEdit(each) ?? each.sent).format },
    { text: (each) => (isEmptied(each) ? null : (lastEdit(each) ?? each.sent).ciphertext) },
    { text: (each) => (isEmptied(each) ? '[]' : each.sent.attachments) },
    { plain: ({ sent }) => sent.replyTo },
    { text: ({ sent }) => sent.replyToAuthor },
    { plain: ({ sent }) => sent.threadId },
    { plain: ({ sent }) => sent.threadOrdinal },
    { text: (each) => (lastEdit(each) ?? each.sent).mentions },
    { plain: (each) => ((lastEdit(each) ?? each.sent).mentionsAll ? 't' : 'f') },
    { text: (each) => (isEmptied(each) ? null : each.sent.metadata) },
    { plain: (each) => lastEdit(each)?.at ?? null },
    { text: (each) => lastEdit(each)?.by ?? null },
    { plain: ({ row }) => row.edits.length },
    { plain: ({ row }) => row.deletion?.at ?? null },
    { text: ({ row }) => row.deletion?.by ?? null },
    { text: ({ row, expired }) => (expired ? null : (row.deletion?.reason ?? null)) },
    { plain: ({ row }) => row.version },
    { plain: ({ sent }) => sent.version },
  ],
};

export const patchMessages: Statement<OfMessage<MessageChange>> = {
  name: 'patch-messages',
  text: `UPDATE messages m
            SET body = CASE WHEN u.deleted_at IS NOT NULL THEN NULL WHEN u.edits > 0 THEN u.body ELSE m.body END,
                ciphertext = CASE WHEN u.deleted_at IS NOT NULL THEN NULL WHEN u.edits > 0 THEN u.ciphertext
                                  ELSE m.ciphertext END,
                attachments = CASE WHEN u.deleted_at IS NULL THEN m.attachments ELSE '[]' END,
                metadata = CASE WHEN u.deleted_at IS NULL THEN m.metadata END,
                format = coalesce(u.format, m.format),
                mentions = coalesce(u.mentions, m.mentions),
                mentions_all = coalesce(u.mentions_all, m.mentions_all),
                edited_at = coalesce(u.edited_at, m.edited_at),
                edited_by = coalesce(u.edited_by, m.edited_by),
                edit_count = m.edit_count + u.edits,
                deleted_at = u.deleted_at,
                deleted_by = u.deleted_by,
                delete_reason = u.delete_reason,
                version = u.version
           FROM unnest($1::uuid[], $2::int[], $3::int[], $4::text[], $5::text[], $6::text[]::json[], $7::text[]::json[],
                       $8::bool[], $9::timestamptz[], $10::text[], $11::timestamptz[], $12::text[], $13::text[],
                       $14::int[])
             AS u (conversation_id, ordinal, edits, body, format, ciphertext, mentions, mentions_all, edited_at,
                   edited_by, deleted_at, deleted_by, delete_reason, version)
          WHERE m.conversation_id = u.conversation_id AND m.ordinal = u.ordinal AND m.deleted_at IS NULL
            AND ${KEPT_BEFORE}`,
  columns: [
    { plain: ({ conversationId }) => conversationId },
    { plain: ({ ordinal }) => ordinal },
    { plain: ({ row }) => row.edits.length },
    { text: (each) => lastEdit(each)?.body ?? null },
    { text: (each) => lastEdit(each)?.format ?? null },
    { text: (each) => lastEdit(each)?.ciphertext ?? null },
    { text: (each) => lastEdit(each)?.mentions ?? null },
    { plain: (each) => lastEdit(each)?.mentionsAll.toString() ?? null },
    { plain: (each) => lastEdit(each)?.at ?? null },
    { text: (each) => lastEdit(each)?.by ?? null },
    { plain: ({ row }) => row.deletion?.at ?? null },
    { text: ({ row }) => row.deletion?.by ?? null },
    { text: ({ row }) => row.deletion?.reason ?? null },
    { plain: ({ row }) => row.version },
  ],
};

/**
 * Empties what was there before this batch and had not expired; before the conversations' own statement. The subquery
 * stays one (OFFSET) because as a join only the conversation bounded the scan, and all its messages were read.
 */
export const expireMessages: Statement<OfConversation<OrdinalRange>> = {
  name: 'expire-messages',
  text: `UPDATE messages m
            SET body = NULL, ciphertext = NULL, attachments = '[]', metadata = NULL, delete_reason = NULL
           FROM unnest($1::uuid[], $2::int[]) AS u (conversation_id, through)
           JOIN conversations c ON c.id = u.conversation_id
          CROSS JOIN LATERAL (SELECT r.ordinal FROM messages r WHERE r.conversation_id = u.conversation_id
             AND r.ordinal > c.expired_ordinal AND r.ordinal <= u.through OFFSET 0) AS each
          WHERE m.conversation_id = u.conversation_id AND m.ordinal = each.ordinal`,
  columns: [{ plain: ({ conversationId }) => conversationId }, { plain: ({ row }) => row.through }],
};

/** The texts that messages were sent with, kept when their first edit is about to replace them. */
export const keepFirstTexts: Statement<OfMessage<MessageChange>> = {
  name: 'keep-first-texts',
  text: `INSERT INTO message_edits (conversation_id, ordinal, version, sequence, at, by, body, format,
           ciphertext, mentions)
         SELECT m.conversation_id, m.ordinal, m.sent_version, m.sequence, m.sent_at, m.sender_id, m.body, m.format,
                m.ciphertext, m.mentions
           FROM unnest($1::uuid[], $2::int[]) AS u (conversation_id, ordinal)
           JOIN messages m ON m.conversation_id = u.conversation_id AND m.ordinal = u.ordinal
          WHERE m.edit_count = 0 AND m.deleted_at IS NULL AND ${KEPT_BEFORE}`,
  columns: [{ plain: ({ conversationId }) => conversationId }, { plain: ({ ordinal }) => ordinal }],
};

export const insertTexts: Statement<ConversationRows['texts'][number]> = {
  name: 'insert-texts',
  text: `INSERT INTO message_edits (conversation_id, ordinal, version, sequence, at, by, body, format,
           ciphertext, mentions)
         SELECT * FROM unnest($1::uuid[], $2::int[], $3::int[], $4::bigint[], $5::timestamptz[], $6::text[], $7::text[],
                              $8::text[], $9::text[]::json[], $10::text[]::json[])
             AS u (conversation_id, ordinal, version, sequence, at, by, body, format, ciphertext, mentions)
          WHERE ${ALIVE_BEFORE}`,
  columns: [
    { plain: ({ conversationId }) => conversationId },
    { plain: ({ ordinal }) => ordinal },
    { plain: ({ row }) => row.version },
    { plain: ({ row }) => row.sequence },
    { plain: ({ row }) => row.at },
    { text: ({ row }) => row.by },
    { text: ({ row }) => row.body },
    { text: ({ row }) => row.format },
    { text: ({ row }) => row.ciphertext },
    { text: ({ row }) => row.mentions },
  ],
};

export const forgetTexts: Statement<OfConversation<OrdinalRange>> = {
  name: 'forget-texts',
  text: `DELETE FROM message_edits e
          USING unnest($1::uuid[], $2::int[], $3::int[]) AS u (conversation_id, first, last)
          WHERE e.conversation_id = u.conversation_id AND e.ordinal BETWEEN u.first AND u.last`,
  columns: [
    { plain: ({ conversationId }) => conversationId },
    { plain: ({ row }) => row.from },
    { plain: ({ row }) => row.through },
  ],
};
