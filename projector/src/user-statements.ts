import type { Statement } from './statements.ts';
import type { HiddenRow, InboxRow, NotificationReadRow, UserRow } from './user-rows.ts';

/** Booleans as Postgres reads them in an array literal. */
const given = (value: unknown): string => (value === undefined ? 'f' : 't');

/**
 * Preferences merge key by key, a conversation's null takes it away; both cases write the same form, so that it does
 * not matter which batch a change came in. Updates nobody who should be there and is not: the caller compares the count.
 */
export const mergeUsers: Statement<UserRow> = {
  name: 'merge-users',
  text: `MERGE INTO users t
         USING unnest($1::text[], $2::bool[], $3::bool[], $4::text[], $5::bool[], $6::text[], $7::bool[], $8::text[],
                      $9::bool[], $10::text[]::jsonb[], $11::bigint[], $12::int[], $13::bigint[])
            AS u (user_id, is_new, has_display_name, display_name, has_avatar, avatar, has_status_text, status_text,
                  last_seen_visible, preferences, notifications_read_sequence, version, sequence)
            ON t.user_id = u.user_id
          WHEN MATCHED THEN UPDATE
           SET display_name = CASE WHEN u.has_display_name THEN u.display_name ELSE t.display_name END,
               avatar = CASE WHEN u.has_avatar THEN u.avatar ELSE t.avatar END,
               status_text = CASE WHEN u.has_status_text THEN u.status_text ELSE t.status_text END,
               last_seen_visible = coalesce(u.last_seen_visible, t.last_seen_visible),
               preferences = jsonb_strip_nulls(t.preferences::jsonb || u.preferences || jsonb_build_object(
                 'notifications', (t.preferences -> 'notifications')::jsonb || (u.preferences -> 'notifications'),
                 'conversations', (t.preferences -> 'conversations')::jsonb || (u.preferences -> 'conversations'))),
               notifications_read_sequence = greatest(t.notifications_read_sequence, u.notifications_read_sequence),
               version = u.version,
               sequence = u.sequence
          WHEN NOT MATCHED AND u.is_new THEN
            INSERT (user_id, display_name, avatar, status_text, last_seen_visible, preferences,
                    notifications_read_sequence, version, sequence)
            VALUES (u.user_id, u.display_name, u.avatar, u.status_text, coalesce(u.last_seen_visible, true),
                    jsonb_strip_nulls(u.preferences), u.notifications_read_sequence, u.version, u.sequence)`,
  columns: [
    { text: ({ userId }) => userId },
    { plain: ({ row }) => (row.isNew ? 't' : 'f') },
    { plain: ({ row }) => given(row.profile.displayName) },
    { text: ({ row }) => row.profile.displayName ?? null },
    { plain: ({ row }) => given(row.profile.avatar) },
    { text: ({ row }) => row.profile.avatar ?? null },
    { plain: ({ row }) => given(row.profile.statusText) },
    { text: ({ row }) => row.profile.statusText ?? null },
    { plain: ({ row }) => row.profile.lastSeenVisible?.toString() ?? null },
    { text: ({ row }) => JSON.stringify(row.preferences) },
    { plain: ({ row }) => row.notificationsReadSequence },
    { plain: ({ row }) => row.version },
    { plain: ({ row }) => row.sequence },
  ],
};

/** `least` passes over nulls: an unmute that finds no mute must not become one. */
export const mergeInbox: Statement<InboxRow> = {
  name: 'merge-inbox',
  text: `MERGE INTO user_conversations t
         USING unnest($1::text[], $2::uuid[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[],
                      $7::bool[], $8::bigint[], $9::bool[], $10::timestamptz[], $11::int[])
            AS u (user_id, conversation_id, muted_sequence, muted_until, muted_since, unmuted_at, has_archived, archived_sequence,
                  has_pinned, pinned_at, last_hidden_ordinal)
            ON t.user_id = u.user_id AND t.conversation_id = u.conversation_id
          WHEN MATCHED THEN UPDATE
           SET muted_sequence = CASE WHEN t.muted_until > u.muted_since THEN t.muted_sequence
                                     ELSE coalesce(u.muted_sequence, t.muted_sequence) END,
               muted_until = CASE WHEN u.muted_sequence IS NOT NULL THEN least(u.muted_until, u.unmuted_at)
                                  WHEN t.muted_sequence IS NOT NULL THEN least(t.muted_until, u.unmuted_at) END,
               archived_sequence = CASE WHEN u.has_archived THEN u.archived_sequence ELSE t.archived_sequence END,
               pinned_at = CASE WHEN u.has_pinned THEN u.pinned_at ELSE t.pinned_at END,
               last_hidden_ordinal = greatest(t.last_hidden_ordinal, u.last_hidden_ordinal)
          WHEN NOT MATCHED THEN
            INSERT (user_id, conversation_id, muted_sequence, muted_until, archived_sequence, pinned_at,
                    last_hidden_ordinal)
            VALUES (u.user_id, u.conversation_id, u.muted_sequence,
                    CASE WHEN u.muted_sequence IS NOT NULL THEN least(u.muted_until, u.unmuted_at) END,
                    u.archived_sequence, u.pinned_at, u.last_hidden_ordinal)`,
  columns: [
    { text: ({ userId }) => userId },
    { plain: ({ conversationId }) => conversationId },
    { plain: ({ row }) => row.muted?.sequence ?? null },
    { plain: ({ row }) => row.muted?.until ?? null },
    { plain: ({ row }) => row.muted?.since ?? null },
    { plain: ({ row }) => row.unmutedAt ?? null },
    { plain: ({ row }) => given(row.archivedSequence) },
    { plain: ({ row }) => row.archivedSequence ?? null },
    { plain: ({ row }) => given(row.pinnedAt) },
    { plain: ({ row }) => row.pinnedAt ?? null },
    { plain: ({ row }) => row.lastHiddenOrdinal },
  ],
};

export const insertHiddenMessages: Statement<HiddenRow> = {
  name: 'insert-hidden-messages',
  text: `INSERT INTO hidden_messages (user_id, conversation_id, ordinal)
         SELECT * FROM unnest($1::text[], $2::uuid[], $3::int[]) ON CONFLICT DO NOTHING`,
  columns: [
    { text: ({ userId }) => userId },
    { plain: ({ conversationId }) => conversationId },
    { plain: ({ ordinal }) => ordinal },
  ],
};

export const insertNotificationReads: Statement<NotificationReadRow> = {
  name: 'insert-notification-reads',
  text: `INSERT INTO notification_reads (user_id, notification_id)
         SELECT * FROM unnest($1::text[], $2::uuid[]) ON CONFLICT DO NOTHING`,
  columns: [{ text: ({ userId }) => userId }, { plain: ({ notificationId }) => notificationId }],
};
