import type { Role } from '@parley/contracts';
import type { Pool } from 'pg';
import type { Reflected } from './catch-up.ts';
import { type AccessSnapshot, NOTHING_KNOWN, type Reach } from './session/access.ts';
import type { Rules } from './session/conversation-commit.ts';

export interface AskedAccess {
  conversationId: string;
  userId: string;
  /** The version that a replay is to start from; null when there is none. */
  from: number | null;
}

/** What a user is to a conversation, in one snapshot of the read model. */
export interface StoredAccess extends Reflected {
  snapshot: AccessSnapshot;
  /** Commits of the conversation up to here hold nothing after the version asked for. */
  begin: number;
}

interface Row {
  as_of: string | null;
  newest: string | null;
  epoch: string | null;
  begin: string;
  version: number | null;
  deleted: boolean;
  member_count: number;
  type: Rules['type'];
  receipts: boolean | null;
  history: Rules['history'];
  audience: Reach['kind'] | null;
  segment: string | null;
  listed: boolean;
  role: Role | null;
  joined_sequence: string;
  joined_ordinal: number;
  joined_version: number;
  banned: boolean;
  banned_until: Date | null;
}

const MAX_VERSION = 2_147_483_647;

/**
 * `begin` is found as the read API finds where its events start: by the newest such fact in the audit, or the newest
 * such message, by halving, as versions of sending rise with the ordinals.
 */
const STATEMENT = `with recursive halving (low, high) as (
    select 0, c.message_count from read_model.conversations c where c.id = $1 and $3::int is not null
    union all
    select case when sent.sent_version <= $3 then sent.ordinal else low end,
      case when sent.sent_version <= $3 then high else sent.ordinal - 1 end
    from halving cross join lateral (select m.ordinal, m.sent_version from read_model.messages m
      where m.conversation_id = $1 and m.ordinal = (low + high + 1) / 2) sent
    where low < high),
  lanes as (select min(sequence) as as_of, max(sequence) as newest, max(epoch) as epoch from read_model.checkpoints)
  select lanes.*, c.version, c.deleted_at is not null as deleted, c.member_count, c.type,
    (c.settings ->> 'receipts')::boolean as receipts, c.settings ->> 'historyVisibility' as history,
    c.audience, c.segment, a.user_id is not null as listed,
    case when m.left_sequence is null then m.role end as role, m.joined_sequence, m.joined_ordinal, m.joined_version,
    b.user_id is not null as banned, b.until as banned_until,
    greatest(1,
      (select f.sequence from read_model.audit f where f.conversation_id = $1 and f.version <= $3
        order by f.version desc limit 1),
      (select s.sequence from halving join read_model.messages s
        on s.conversation_id = $1 and s.ordinal = low where low >= high)) - 1 as begin
  from lanes
  left join read_model.conversations c on c.id = $1
  left join read_model.members m on m.conversation_id = $1 and m.user_id = $2
  left join read_model.bans b on b.conversation_id = $1 and b.user_id = $2
  left join read_model.audience_users a on a.conversation_id = $1 and a.user_id = $2`;

/** One statement: rows and checkpoints agree without a transaction around them. */
export async function readAccess(pool: Pool, asked: AskedAccess): Promise<StoredAccess> {
  const { conversationId, userId, from } = asked;
  const version = from === null ? null : Math.min(from, MAX_VERSION);
  const query = { name: 'access', text: STATEMENT, values: [conversationId, userId, version] };
  const { rows } = await pool.query<Row>(query);
  const [row] = rows;
  if (!row) throw new Error('the query for access gave no row');
  return {
    asOf: Number(row.as_of ?? 0),
    newest: Number(row.newest ?? 0),
    epoch: row.epoch,
    begin: Number(row.begin),
    snapshot: row.version === null ? NOTHING_KNOWN : snapshotOf(row, row.version),
  };
}

function snapshotOf(row: Row, version: number): AccessSnapshot {
  const { type, receipts, history, role } = row;
  const place = role && {
    role,
    joinedSequence: Number(row.joined_sequence),
    joinedOrdinal: row.joined_ordinal,
    joinedVersion: row.joined_version,
  };
  const bannedUntil = row.banned ? (row.banned_until?.getTime() ?? Number.POSITIVE_INFINITY) : null;
  return {
    version,
    memberCount: row.member_count,
    rules: { type, receipts, history },
    access: { place, bannedUntil, deleted: row.deleted, reach: reachOf(row) },
  };
}

function reachOf({ audience, segment, listed }: Row): Reach | null {
  switch (audience) {
    case null:
      return null;
    case 'all':
      return { kind: 'all' };
    case 'segment':
      return { kind: 'segment', segment: segment ?? '' };
    case 'custom':
      return { kind: 'custom', listed };
  }
}
