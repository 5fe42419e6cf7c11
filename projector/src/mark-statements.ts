import type { ConversationRows, OfConversation, OfMessage } from './conversation-rows.ts';
import { ALIVE_BEFORE } from './message-statements.ts';
import type { FollowerChange, PinChange, ReactionChange, ThreadChange } from './projections/changes.ts';
import type { MentionsChange } from './projections/message-change.ts';
import type { Statement } from './statements.ts';

export const deleteMentions: Statement<OfMessage<MentionsChange>> = {
  name: 'delete-mentions',
  text: `DELETE FROM mentions m
          USING unnest($1::uuid[], $2::int[], $3::text[]::json[]) AS u (conversation_id, ordinal, kept)
          WHERE m.conversation_id = u.conversation_id AND m.ordinal = u.ordinal
            AND m.user_id <> ALL (ARRAY(SELECT json_array_elements_text(u.kept))) AND ${ALIVE_BEFORE}`,
  columns: [
    { plain: ({ conversationId }) => conversationId },
    { plain: ({ ordinal }) => ordinal },
    { text: ({ row }) => JSON.stringify([...row.users].flatMap(([id, { kept }]) => (kept ? [id] : []))) },
  ],
};

export const insertMentions: Statement<ConversationRows['mentions'][number]> = {
  name: 'insert-mentions',
  text: `INSERT INTO mentions (conversation_id, ordinal, user_id, sequence, in_thread)
         SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::bigint[], $5::bool[])
             AS u (conversation_id, ordinal, user_id, sequence, in_thread)
          WHERE ${ALIVE_BEFORE}
         ON CONFLICT DO NOTHING`,
  columns: [
    { plain: ({ conversationId }) => conversationId },
    { plain: ({ ordinal }) => ordinal },
    { text: ({ row }) => row.userId },
    { plain: ({ row }) => row.sequence },
    { plain: ({ row }) => (row.inThread ? 't' : 'f') },
  ],
};

/** The row that was the latest before is so no more; both parts see the table of before this batch. */
export const insertReactions: Statement<OfConversation<ReactionChange>> = {
  name: 'insert-reactions',
  text: `WITH turns AS (
           SELECT u.*
             FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::int[], $6::bigint[], $7::timestamptz[],
                         $8::text[], $9::bool[], $10::bool[], $11::bool[])
               AS u (conversation_id, ordinal, emoji, user_id, version, sequence, at, author_id, added, first, latest)
            WHERE ${ALIVE_BEFORE}
              AND (NOT u.first OR u.added <> coalesce(
                    (SELECT r.added FROM reactions r
                      WHERE r.conversation_id = u.conversation_id AND r.ordinal = u.ordinal AND r.emoji = u.emoji
                        AND r.user_id = u.user_id AND r.latest), false))),
         superseded AS (
           UPDATE reactions r SET latest = false
             FROM turns u
            WHERE u.latest AND r.conversation_id = u.conversation_id AND r.ordinal = u.ordinal AND r.emoji = u.emoji
              AND r.user_id = u.user_id AND r.latest)
         INSERT INTO reactions (conversation_id, ordinal, emoji, user_id, version, sequence, at, author_id,
           added, latest)
         SELECT conversation_id, ordinal, emoji, user_id, version, sequence, at, author_id, added, latest FROM turns`,
  columns: [
    { plain: ({ conversationId }) => conversationId },
    { plain: ({ row }) => row.ordinal },
    { text: ({ row }) => row.emoji },
    { text: ({ row }) => row.userId },
    { plain: ({ row }) => row.version },
    { plain: ({ row }) => row.sequence },
    { plain: ({ row }) => row.at },
    { text: ({ row }) => row.authorId },
    { plain: ({ row }) => (row.added ? 't' : 'f') },
    { plain: ({ row }) => (row.first ? 't' : 'f') },
    { plain: ({ row }) => (row.latest ? 't' : 'f') },
  ],
};

export const insertPins: Statement<OfConversation<PinChange>> = {
  name: 'insert-pins',
  text: `INSERT INTO pins (conversation_id, ordinal, version, sequence, at, by, pinned)
         SELECT * FROM unnest($1::uuid[], $2::int[], $3::int[], $4::bigint[], $5::timestamptz[], $6::text[], $7::bool[])
             AS u (conversation_id, ordinal, version, sequence, at, by, pinned)
          WHERE ${ALIVE_BEFORE}`,
  columns: [
    { plain: ({ conversationId }) => conversationId },
    { plain: ({ row }) => row.ordinal },
    { plain: ({ row }) => row.version },
    { plain: ({ row }) => row.sequence },
    { plain: ({ row }) => row.at },
    { text: ({ row }) => row.by },
    { plain: ({ row }) => (row.pinned ? 't' : 'f') },
  ],
};

export const addReplies: Statement<OfMessage<ThreadChange>> = {
  name: 'add-replies',
  text: `INSERT INTO threads AS t (conversation_id, ordinal, reply_count, last_reply_ordinal, last_reply_at,
           last_reply_sequence)
         SELECT * FROM unnest($1::uuid[], $2::int[], $3::int[], $4::int[], $5::timestamptz[], $6::bigint[])
         ON CONFLICT (conversation_id, ordinal) DO UPDATE
            SET reply_count = t.reply_count + excluded.reply_count, last_reply_ordinal = excluded.last_reply_ordinal,
                last_reply_at = excluded.last_reply_at, last_reply_sequence = excluded.last_reply_sequence`,
  columns: [
    { plain: ({ conversationId }) => conversationId },
    { plain: ({ ordinal }) => ordinal },
    { plain: ({ row }) => row.replies },
    { plain: ({ row }) => row.lastReplyOrdinal },
    { plain: ({ row }) => row.lastReplyAt },
    { plain: ({ row }) => row.lastReplySequence },
  ],
};

/** Before new followers are inserted: it raises those of before this batch. For `cursor_sequence` see patchMembers. */
export const raiseFollowers: Statement<OfConversation<FollowerChange>> = {
  name: 'raise-followers',
  text: `UPDATE thread_followers f
            SET read_ordinal = u.raised_to
           FROM unnest($1::uuid[], $2::text[], $3::int[], $4::int[], $5::bigint[])
             AS u (conversation_id, user_id, ordinal, raised_to, cursor_sequence)
          WHERE f.conversation_id = u.conversation_id AND f.user_id = u.user_id AND f.ordinal = u.ordinal
            AND f.read_ordinal < u.raised_to
            AND (u.cursor_sequence = 0 OR u.cursor_sequence >
                 (SELECT c.sequence FROM conversations c WHERE c.id = u.conversation_id))`,
  columns: [
    { plain: ({ conversationId }) => conversationId },
    { text: ({ row }) => row.userId },
    { plain: ({ row }) => row.ordinal },
    { plain: ({ row }) => row.raisedTo },
    { plain: ({ row }) => row.cursorSequence },
  ],
};

export const insertFollowers: Statement<OfConversation<FollowerChange>> = {
  name: 'insert-followers',
  text: `INSERT INTO thread_followers (conversation_id, user_id, ordinal, followed_from, read_ordinal)
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::int[], $4::int[], $5::int[]) ON CONFLICT DO NOTHING`,
  columns: [
    { plain: ({ conversationId }) => conversationId },
    { text: ({ row }) => row.userId },
    { plain: ({ row }) => row.ordinal },
    { plain: ({ row }) => row.followedFrom },
    { plain: ({ row }) => row.readOrdinal },
  ],
};
