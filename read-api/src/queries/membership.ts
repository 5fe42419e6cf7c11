import type { MembershipView, Role } from '@parley/contracts';
import { MENTIONS, THREAD_UNREAD, UNREAD } from './unread-count.ts';

/**
 * What the reader `$1` is in a conversation `c`: `m` their membership or nulls, `uc` their own facts or nulls;
 * `f.hidden_through`, the last ordinal that they may not see as a member, and `f.floor`, up to which nothing is unread.
 * The offset has the numbers computed once per row.
 */
export const READER = `left join lateral (select * from read_model.members
    where conversation_id = c.id and user_id = $1 and left_sequence is null limit 1) m on true
  left join lateral (select * from read_model.user_conversations
    where user_id = $1 and conversation_id = c.id limit 1) uc on true
  cross join lateral (select greatest(c.expired_ordinal,
      case when c.settings ->> 'historyVisibility' = 'joined' then m.joined_ordinal end) as hidden_through,
    case when m.user_id is not null then m.read_ordinal else (select read_ordinal
      from read_model.audience_cursors where conversation_id = c.id and user_id = $1) end as cursor offset 0) own
  cross join lateral (select own.hidden_through, greatest(own.cursor, own.hidden_through) as floor) f`;

/**
 * Ids of the conversations that the reader `$1` with the segments `$2` is in, or in the audience of: each kind of audience
 * has an index of its own, so that broadcasts for others are not looked at. Deleted ones may be among them.
 */
export const MY_IDS = `(select conversation_id as id from read_model.members where user_id = $1 and left_sequence is null
    union all
    select b.id from (
      select id from read_model.conversations where type = 'broadcast' and audience = 'all' and deleted_at is null
      union all
      select id from read_model.conversations
        where type = 'broadcast' and segment is not null and segment = any($2::text[]) and deleted_at is null
      union all
      select conversation_id from read_model.audience_users where user_id = $1) b
    where not exists (select from read_model.members x
        where x.conversation_id = b.id and x.user_id = $1 and x.left_sequence is null offset 0)
      and not exists (select from read_model.bans x
        where x.conversation_id = b.id and x.user_id = $1 and (x.until is null or x.until > now()) offset 0))`;

/** All of these that are not deleted as `c`, with the rows of `READER`. */
export const MINE = `${MY_IDS} mine
  cross join lateral (select * from read_model.conversations where id = mine.id and deleted_at is null limit 1) c
  ${READER}`;

export const MUTED = 'coalesce(uc.muted_until > now(), false)';

/** Archived by the reader, and not brought back by a newer message, where their preferences have it so. */
export const ARCHIVED = `(uc.archived_sequence is not null and not (c.last_message_sequence > uc.archived_sequence
  and coalesce((select (preferences ->> 'unarchiveOnMessage')::boolean from read_model.users where user_id = $1), true)))`;

/** For `from read_model.conversations c ${READER}`. */
export const MEMBERSHIP_COLUMNS = `m.role, m.joined_at,
  coalesce(own.cursor, 0) as read_ordinal,
  case when m.user_id is not null then m.delivered_ordinal else coalesce((select delivered_ordinal
    from read_model.audience_cursors where conversation_id = c.id and user_id = $1), 0) end as delivered_ordinal,
  ${UNREAD} as unread, ${MENTIONS} as mentions, ${THREAD_UNREAD} as thread_unread,
  ${MUTED} as muted, case when uc.muted_until > now() and uc.muted_until < 'infinity' then uc.muted_until end as muted_until,
  ${ARCHIVED} as in_archive, uc.pinned_at is not null as pinned`;

export interface MembershipRow {
  /** Null for who is no member. */
  role: Role | null;
  joined_at: Date | null;
  read_ordinal: number;
  delivered_ordinal: number;
  unread: number;
  mentions: number;
  thread_unread: number;
  muted: boolean;
  muted_until: Date | null;
  in_archive: boolean;
  pinned: boolean;
}

/** Of a member, or of a reader in the audience of a broadcast: who is neither has no such view. */
export function membershipView(row: MembershipRow): MembershipView {
  return {
    role: row.role,
    joinedAt: row.joined_at?.toISOString() ?? null,
    readOrdinal: row.read_ordinal,
    deliveredOrdinal: row.delivered_ordinal,
    unread: row.unread,
    mentions: row.mentions,
    threadUnread: row.thread_unread,
    muted: row.muted,
    mutedUntil: row.muted_until?.toISOString() ?? null,
    archived: row.in_archive,
    pinned: row.pinned,
  };
}
