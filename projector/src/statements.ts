import type { Column } from './array-literal.ts';
import type {
  CommandResult,
  ConversationChange,
  MemberPatch,
  MemberPut,
  MessageChange,
  SentMessage,
} from './projections/changes.ts';

/**
 * One table's statement: a row becomes one value per column, the columns go over as arrays, whatever the number of
 * rows. Measured: 1.3 µs of client CPU a row against 17 µs for a builder's multi-row insert.
 */
export interface Statement<Row> {
  name: string;
  text: string;
  columns: readonly Column<Row>[];
}

export interface ConversationRow {
  id: string;
  row: ConversationChange;
}

export interface MemberRow<Change extends MemberPut | MemberPatch> {
  conversationId: string;
  userId: string;
  row: Change;
}

export interface MessageRow {
  conversationId: string;
  ordinal: number;
  row: MessageChange;
}

export interface SentRow extends MessageRow {
  sent: SentMessage;
}

export const insertConversations: Statement<ConversationRow> = {
  name: 'insert-conversations',
  text: `INSERT INTO read_model.conversations (id, type, title, description, created_at, created_by, member_count,
           message_count, last_message_at, last_deleted_ordinal, version, sequence)
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::int[],
           $8::int[], $9::timestamptz[], $10::int[], $11::int[], $12::bigint[])`,
  columns: [
    { plain: ({ id }) => id },
    { text: ({ row }) => row.creation?.type ?? null },
    { text: ({ row }) => row.creation?.title ?? null },
    { text: ({ row }) => row.creation?.description ?? null },
    { plain: ({ row }) => row.creation?.createdAt ?? null },
    { text: ({ row }) => row.creation?.createdBy ?? null },
    { plain: ({ row }) => row.memberDelta },
    { plain: ({ row }) => row.messageCount },
    { plain: ({ row }) => row.lastMessageAt },
    { plain: ({ row }) => row.lastDeletedOrdinal },
    { plain: ({ row }) => row.version },
    { plain: ({ row }) => row.sequence },
  ],
};

export const updateConversations: Statement<ConversationRow> = {
  name: 'update-conversations',
  text: `UPDATE read_model.conversations c
            SET member_count = c.member_count + u.member_delta,
                message_count = greatest(c.message_count, u.message_count),
                last_message_at = coalesce(u.last_message_at, c.last_message_at),
                last_deleted_ordinal = greatest(c.last_deleted_ordinal, u.last_deleted_ordinal),
                version = u.version,
                sequence = u.sequence
           FROM unnest($1::uuid[], $2::int[], $3::int[], $4::timestamptz[], $5::int[], $6::int[], $7::bigint[])
             AS u (id, member_delta, message_count, last_message_at, last_deleted_ordinal, version, sequence)
          WHERE c.id = u.id`,
  columns: [
    { plain: ({ id }) => id },
    { plain: ({ row }) => row.memberDelta },
    { plain: ({ row }) => row.messageCount },
    { plain: ({ row }) => row.lastMessageAt },
    { plain: ({ row }) => row.lastDeletedOrdinal },
    { plain: ({ row }) => row.version },
    { plain: ({ row }) => row.sequence },
  ],
};

export const putMembers: Statement<MemberRow<MemberPut>> = {
  name: 'put-members',
  text: `INSERT INTO read_model.members AS m (conversation_id, user_id, role, joined_at, joined_sequence, read_ordinal,
           left_sequence, left_reason)
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::bigint[], $6::int[],
           $7::bigint[], $8::text[])
         ON CONFLICT (conversation_id, user_id) DO UPDATE
            SET role = excluded.role, joined_at = excluded.joined_at, joined_sequence = excluded.joined_sequence,
                read_ordinal = excluded.read_ordinal, left_sequence = excluded.left_sequence,
                left_reason = excluded.left_reason`,
  columns: [
    { plain: ({ conversationId }) => conversationId },
    { text: ({ userId }) => userId },
    { text: ({ row }) => row.role },
    { plain: ({ row }) => row.joinedAt },
    { plain: ({ row }) => row.joinedSequence },
    { plain: ({ row }) => row.readOrdinal },
    { plain: ({ row }) => row.departure?.sequence ?? null },
    { plain: ({ row }) => row.departure?.reason ?? null },
  ],
};

export const patchMembers: Statement<MemberRow<MemberPatch>> = {
  name: 'patch-members',
  text: `UPDATE read_model.members m
            SET read_ordinal = greatest(m.read_ordinal, u.read_ordinal),
                left_sequence = u.left_sequence,
                left_reason = u.left_reason
           FROM unnest($1::uuid[], $2::text[], $3::int[], $4::bigint[], $5::text[])
             AS u (conversation_id, user_id, read_ordinal, left_sequence, left_reason)
          WHERE m.conversation_id = u.conversation_id AND m.user_id = u.user_id AND m.left_sequence IS NULL
            AND (m.read_ordinal < u.read_ordinal OR u.left_sequence IS NOT NULL)`,
  columns: [
    { plain: ({ conversationId }) => conversationId },
    { text: ({ userId }) => userId },
    { plain: ({ row }) => row.readOrdinal },
    { plain: ({ row }) => row.departure?.sequence ?? null },
    { plain: ({ row }) => row.departure?.reason ?? null },
  ],
};

export const insertMessages: Statement<SentRow> = {
  name: 'insert-messages',
  text: `INSERT INTO read_model.messages (conversation_id, ordinal, message_id, sequence, sender_id, sent_at, body, format,
           reply_to, metadata, edited_at, edited_by, edit_count, deleted_at, deleted_by, delete_reason, version)
         SELECT * FROM unnest($1::uuid[], $2::int[], $3::uuid[], $4::bigint[], $5::text[], $6::timestamptz[], $7::text[],
           $8::text[], $9::uuid[], $10::text[]::json[], $11::timestamptz[], $12::text[], $13::int[], $14::timestamptz[],
           $15::text[], $16::text[], $17::int[])`,
  columns: [
    { plain: ({ conversationId }) => conversationId },
    { plain: ({ ordinal }) => ordinal },
    { plain: ({ sent }) => sent.messageId },
    { plain: ({ sent }) => sent.sequence },
    { text: ({ sent }) => sent.senderId },
    { plain: ({ sent }) => sent.sentAt },
    { text: ({ row, sent }) => (row.deletion ? null : (row.edit?.body ?? sent.body)) },
    { text: ({ row, sent }) => row.edit?.format ?? sent.format },
    { plain: ({ sent }) => sent.replyTo },
    { text: ({ row, sent }) => (row.deletion ? null : sent.metadata) },
    { plain: ({ row }) => row.edit?.at ?? null },
    { text: ({ row }) => row.edit?.by ?? null },
    { plain: ({ row }) => row.editCount },
    { plain: ({ row }) => row.deletion?.at ?? null },
    { text: ({ row }) => row.deletion?.by ?? null },
    { text: ({ row }) => row.deletion?.reason ?? null },
    { plain: ({ row }) => row.version },
  ],
};

export const patchMessages: Statement<MessageRow> = {
  name: 'patch-messages',
  text: `UPDATE read_model.messages m
            SET body = CASE WHEN u.deleted_at IS NULL THEN coalesce(u.body, m.body) END,
                metadata = CASE WHEN u.deleted_at IS NULL THEN m.metadata END,
                format = coalesce(u.format, m.format),
                edited_at = coalesce(u.edited_at, m.edited_at),
                edited_by = coalesce(u.edited_by, m.edited_by),
                edit_count = m.edit_count + u.edit_count,
                deleted_at = u.deleted_at,
                deleted_by = u.deleted_by,
                delete_reason = u.delete_reason,
                version = u.version
           FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::int[],
                       $8::timestamptz[], $9::text[], $10::text[], $11::int[])
             AS u (conversation_id, ordinal, body, format, edited_at, edited_by, edit_count, deleted_at, deleted_by,
                   delete_reason, version)
          WHERE m.conversation_id = u.conversation_id AND m.ordinal = u.ordinal AND m.deleted_at IS NULL`,
  columns: [
    { plain: ({ conversationId }) => conversationId },
    { plain: ({ ordinal }) => ordinal },
    { text: ({ row }) => row.edit?.body ?? null },
    { text: ({ row }) => row.edit?.format ?? null },
    { plain: ({ row }) => row.edit?.at ?? null },
    { text: ({ row }) => row.edit?.by ?? null },
    { plain: ({ row }) => row.editCount },
    { plain: ({ row }) => row.deletion?.at ?? null },
    { text: ({ row }) => row.deletion?.by ?? null },
    { text: ({ row }) => row.deletion?.reason ?? null },
    { plain: ({ row }) => row.version },
  ],
};

export const insertCommandResults: Statement<CommandResult> = {
  name: 'insert-command-results',
  text: `INSERT INTO read_model.command_results (command_id, aggregate, sequence)
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[]) ON CONFLICT DO NOTHING`,
  columns: [
    { plain: ({ commandId }) => commandId },
    { text: ({ aggregate }) => aggregate },
    { plain: ({ sequence }) => sequence },
  ],
};
