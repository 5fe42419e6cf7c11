import type { OfConversation, OfUser } from './conversation-rows.ts';
import type { AudienceCursor, Ban, Invite } from './projections/changes.ts';
import type { MemberPatch, MemberPut, MembershipChange } from './projections/member-change.ts';
import type { Statement } from './statements.ts';

export const putMembers: Statement<OfUser<MemberPut>> = {
  name: 'put-members',
  text: `INSERT INTO members AS m (conversation_id, user_id, role, joined_at, joined_sequence, joined_version,
           joined_ordinal, read_ordinal, delivered_ordinal, receipt_ordinal, last_mention_ordinal, left_sequence,
           left_reason)
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::bigint[], $6::int[], $7::int[],
           $8::int[], $9::int[], $10::int[], $11::int[], $12::bigint[], $13::text[])
         ON CONFLICT (conversation_id, user_id) DO UPDATE
            SET role = excluded.role, joined_at = excluded.joined_at, joined_sequence = excluded.joined_sequence,
                joined_version = excluded.joined_version, joined_ordinal = excluded.joined_ordinal,
                read_ordinal = excluded.read_ordinal, delivered_ordinal = excluded.delivered_ordinal,
                receipt_ordinal = excluded.receipt_ordinal,
                last_mention_ordinal = greatest(m.last_mention_ordinal, excluded.last_mention_ordinal),
                left_sequence = excluded.left_sequence, left_reason = excluded.left_reason`,
  columns: [
    { plain: ({ conversationId }) => conversationId },
    { text: ({ userId }) => userId },
    { text: ({ row }) => row.role },
    { plain: ({ row }) => row.joinedAt },
    { plain: ({ row }) => row.joinedSequence },
    { plain: ({ row }) => row.joinedVersion },
    { plain: ({ row }) => row.joinedOrdinal },
    { plain: ({ row }) => row.readOrdinal },
    { plain: ({ row }) => row.deliveredOrdinal },
    { plain: ({ row }) => row.receiptOrdinal },
    { plain: ({ row }) => row.lastMentionOrdinal },
    { plain: ({ row }) => row.departure?.sequence ?? null },
    { plain: ({ row }) => row.departure?.reason ?? null },
  ],
};

/** Before the conversations' own statement: their sequence of before this batch tells cursors that came too late. */
export const patchMembers: Statement<OfUser<MemberPatch>> = {
  name: 'patch-members',
  text: `UPDATE members m
            SET role = coalesce(u.role, m.role),
                read_ordinal = CASE WHEN u.lowered THEN u.read_ordinal ELSE greatest(m.read_ordinal, u.read_ordinal) END,
                delivered_ordinal = greatest(m.delivered_ordinal, u.delivered_ordinal),
                receipt_ordinal = greatest(m.receipt_ordinal, u.receipt_ordinal),
                last_mention_ordinal = greatest(m.last_mention_ordinal, u.last_mention_ordinal),
                left_sequence = u.left_sequence,
                left_reason = u.left_reason
           FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bool[], $5::int[], $6::int[], $7::int[], $8::int[],
                       $9::bigint[], $10::bigint[], $11::text[])
             AS u (conversation_id, user_id, role, lowered, read_ordinal, delivered_ordinal, receipt_ordinal,
                   last_mention_ordinal, cursor_sequence, left_sequence, left_reason)
          WHERE m.conversation_id = u.conversation_id AND m.user_id = u.user_id AND m.left_sequence IS NULL
            AND (m.read_ordinal < u.read_ordinal OR m.delivered_ordinal < u.delivered_ordinal
                 OR m.receipt_ordinal < u.receipt_ordinal OR m.last_mention_ordinal < u.last_mention_ordinal
                 OR u.lowered OR u.role IS NOT NULL OR u.left_sequence IS NOT NULL)
            AND (u.cursor_sequence = 0 OR u.cursor_sequence >
                 (SELECT c.sequence FROM conversations c WHERE c.id = u.conversation_id))`,
  columns: [
    { plain: ({ conversationId }) => conversationId },
    { text: ({ userId }) => userId },
    { text: ({ row }) => row.role },
    { plain: ({ row }) => (row.lowered ? 't' : 'f') },
    { plain: ({ row }) => row.readOrdinal },
    { plain: ({ row }) => row.deliveredOrdinal },
    { plain: ({ row }) => row.receiptOrdinal },
    { plain: ({ row }) => row.lastMentionOrdinal },
    { plain: ({ row }) => row.cursorSequence },
    { plain: ({ row }) => row.departure?.sequence ?? null },
    { plain: ({ row }) => row.departure?.reason ?? null },
  ],
};

/** Before the members' own statements: who only changed the role joined when the table of before this batch says. */
export const insertMemberships: Statement<OfConversation<MembershipChange>> = {
  name: 'insert-member-changes',
  text: `INSERT INTO member_changes (conversation_id, user_id, version, sequence, at, role, joined_at)
         SELECT u.conversation_id, u.user_id, u.version, u.sequence, u.at, u.role, coalesce(u.joined_at, m.joined_at)
           FROM unnest($1::uuid[], $2::text[], $3::int[], $4::bigint[], $5::timestamptz[], $6::text[],
                       $7::timestamptz[])
             AS u (conversation_id, user_id, version, sequence, at, role, joined_at)
           LEFT JOIN members m
             ON u.role IS NOT NULL AND u.joined_at IS NULL
            AND m.conversation_id = u.conversation_id AND m.user_id = u.user_id`,
  columns: [
    { plain: ({ conversationId }) => conversationId },
    { text: ({ row }) => row.userId },
    { plain: ({ row }) => row.version },
    { plain: ({ row }) => row.sequence },
    { plain: ({ row }) => row.at },
    { text: ({ row }) => row.role },
    { plain: ({ row }) => row.joinedAt },
  ],
};

export const raiseAudienceCursors: Statement<OfUser<AudienceCursor>> = {
  name: 'raise-audience-cursors',
  text: `INSERT INTO audience_cursors AS a (conversation_id, user_id, read_ordinal, delivered_ordinal)
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::int[], $4::int[])
         ON CONFLICT (conversation_id, user_id) DO UPDATE
            SET read_ordinal = greatest(a.read_ordinal, excluded.read_ordinal),
                delivered_ordinal = greatest(a.delivered_ordinal, excluded.delivered_ordinal)`,
  columns: [
    { plain: ({ conversationId }) => conversationId },
    { text: ({ userId }) => userId },
    { plain: ({ row }) => row.readOrdinal },
    { plain: ({ row }) => row.deliveredOrdinal },
  ],
};

/** A list may name somebody twice. */
export const insertAudienceUsers: Statement<OfUser<null>> = {
  name: 'insert-audience-users',
  text: `INSERT INTO audience_users (conversation_id, user_id)
         SELECT * FROM unnest($1::uuid[], $2::text[]) ON CONFLICT DO NOTHING`,
  columns: [{ plain: ({ conversationId }) => conversationId }, { text: ({ userId }) => userId }],
};

export const putBans: Statement<OfUser<Ban>> = {
  name: 'put-bans',
  text: `INSERT INTO bans (conversation_id, user_id, banned_by, at, until, reason)
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::text[])
         ON CONFLICT (conversation_id, user_id) DO UPDATE
            SET banned_by = excluded.banned_by, at = excluded.at, until = excluded.until, reason = excluded.reason`,
  columns: [
    { plain: ({ conversationId }) => conversationId },
    { text: ({ userId }) => userId },
    { text: ({ row }) => row.bannedBy },
    { plain: ({ row }) => row.at },
    { plain: ({ row }) => row.until },
    { text: ({ row }) => row.reason },
  ],
};

export const deleteBans: Statement<OfUser<null>> = {
  name: 'delete-bans',
  text: `DELETE FROM bans b USING unnest($1::uuid[], $2::text[]) AS u (conversation_id, user_id)
          WHERE b.conversation_id = u.conversation_id AND b.user_id = u.user_id`,
  columns: [{ plain: ({ conversationId }) => conversationId }, { text: ({ userId }) => userId }],
};

export const putInvites: Statement<OfUser<Invite>> = {
  name: 'put-invites',
  text: `INSERT INTO invites (conversation_id, user_id, role, invited_by, at, expires_at, sequence)
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[],
           $7::bigint[])
         ON CONFLICT (conversation_id, user_id) DO UPDATE
            SET role = excluded.role, invited_by = excluded.invited_by, at = excluded.at,
                expires_at = excluded.expires_at, sequence = excluded.sequence`,
  columns: [
    { plain: ({ conversationId }) => conversationId },
    { text: ({ userId }) => userId },
    { text: ({ row }) => row.role },
    { text: ({ row }) => row.invitedBy },
    { plain: ({ row }) => row.at },
    { plain: ({ row }) => row.expiresAt },
    { plain: ({ row }) => row.sequence },
  ],
};

export const deleteInvites: Statement<OfUser<null>> = {
  name: 'delete-invites',
  text: `DELETE FROM invites i USING unnest($1::uuid[], $2::text[]) AS u (conversation_id, user_id)
          WHERE i.conversation_id = u.conversation_id AND i.user_id = u.user_id`,
  columns: [{ plain: ({ conversationId }) => conversationId }, { text: ({ userId }) => userId }],
};
