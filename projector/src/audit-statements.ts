import type { OfConversation, OrdinalRange } from './conversation-rows.ts';
import { ALIVE_BEFORE } from './message-statements.ts';
import type { AuditEntry } from './projections/changes.ts';
import type { Statement } from './statements.ts';

export const insertAudit: Statement<OfConversation<AuditEntry>> = {
  name: 'insert-audit',
  text: `INSERT INTO audit (conversation_id, version, sequence, at, actor, type, details)
         SELECT u.conversation_id, u.version, u.sequence, u.at, u.actor, u.type, u.details
           FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::timestamptz[], $5::text[], $6::text[],
                       $7::text[]::json[], $8::int[])
             AS u (conversation_id, version, sequence, at, actor, type, details, ordinal)
          WHERE u.ordinal IS NULL OR (${ALIVE_BEFORE})`,
  columns: [
    { plain: ({ conversationId }) => conversationId },
    { plain: ({ row }) => row.version },
    { plain: ({ row }) => row.sequence },
    { plain: ({ row }) => row.at },
    { text: ({ row }) => row.actor },
    { text: ({ row }) => row.type },
    { text: ({ row }) => row.details },
    { plain: ({ row }) => row.deletedOrdinal },
  ],
};

/**
 * Takes from the audit of before this batch why messages were deleted that expire now; before the conversations' own
 * statement. A deleted message keeps the version of its deletion, which finds the entry. The details are made anew and
 * not cut: taking a field out needs jsonb, which refuses texts that JSON allows. For OFFSET see expireMessages.
 */
export const forgetReasons: Statement<OfConversation<OrdinalRange>> = {
  name: 'forget-reasons',
  text: `UPDATE audit a
            SET details = json_strip_nulls(json_build_object('messageId', each.message_id, 'ordinal', each.ordinal,
                            'authorId', each.sender_id, 'threadOrdinal', each.thread_ordinal))
           FROM unnest($1::uuid[], $2::int[]) AS u (conversation_id, through)
           JOIN conversations c ON c.id = u.conversation_id
          CROSS JOIN LATERAL (SELECT r.* FROM messages r WHERE r.conversation_id = u.conversation_id
             AND r.ordinal > c.expired_ordinal AND r.ordinal <= u.through AND r.deleted_at IS NOT NULL OFFSET 0) AS each
          WHERE a.conversation_id = u.conversation_id AND a.version = each.version AND a.type = 'message.deleted'`,
  columns: [{ plain: ({ conversationId }) => conversationId }, { plain: ({ row }) => row.through }],
};
