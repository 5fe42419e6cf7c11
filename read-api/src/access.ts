import type { ConversationType, Role, Settings } from '@parley/contracts';
import { type Principal, ProblemError } from '@parley/runtime';
import type { PoolClient } from 'pg';
import { BEGINNING, type Moment } from './moment.ts';

/** What a reader is to a conversation: one of these, the first that holds in the order of `relationOf`. */
export type Relation = Role | 'audience' | 'visitor' | 'invited' | 'banned' | 'removed' | 'stranger';
export type Verdict = 'allowed' | 'forbidden' | 'banned' | 'not-found';
export type ConversationQuery =
  | 'conversation'
  | 'members'
  | 'messages'
  | 'message'
  | 'thread'
  | 'history'
  | 'reactions'
  | 'pins'
  | 'events'
  | 'receipts'
  | 'bans'
  | 'conversationInvites'
  | 'reports'
  | 'audit';

/** Who may not know of the conversation learns nothing by asking more; who is banned is told so everywhere. */
const OUTSIDE = {
  invited: 'not-found',
  removed: 'not-found',
  stranger: 'not-found',
  banned: 'banned',
} as const;
const PRIVILEGED = { owner: 'allowed', admin: 'allowed' } as const;
const NOT_FOR_READERS = { audience: 'forbidden', visitor: 'forbidden', ...OUTSIDE } as const;

const readers: Record<Relation, Verdict> = {
  ...PRIVILEGED,
  moderator: 'allowed',
  member: 'allowed',
  guest: 'allowed',
  audience: 'allowed',
  visitor: 'allowed',
  ...OUTSIDE,
};
const members: Record<Relation, Verdict> = { ...readers, ...NOT_FOR_READERS };
const moderators: Record<Relation, Verdict> = { ...members, member: 'forbidden', guest: 'forbidden' };
const admins: Record<Relation, Verdict> = { ...moderators, moderator: 'forbidden' };

/** The one table of who may read what of a conversation. `audit` is also open to tokens with its scope. */
export const readAccess: Record<ConversationQuery, Record<Relation, Verdict>> = {
  conversation: readers,
  members: readers,
  messages: readers,
  message: readers,
  thread: readers,
  history: readers,
  reactions: readers,
  pins: readers,
  events: readers,
  receipts: members,
  bans: moderators,
  conversationInvites: moderators,
  reports: moderators,
  audit: admins,
};

/** In a broadcast the powers of a moderator begin with the admin. */
function verdictOf(query: ConversationQuery, relation: Relation, type: ConversationType): Verdict {
  const counted = type === 'broadcast' && relation === 'moderator' ? 'member' : relation;
  return readAccess[query][counted];
}

/** A conversation that the reader may see, and from where on. */
export interface Entry {
  id: string;
  type: ConversationType;
  settings: Settings;
  memberCount: number;
  messageCount: number;
  version: number;
  isMember: boolean;
  /** Of what is for moderators: who may read the bans. */
  isModerator: boolean;
  /** Members and the audience of a broadcast have one. */
  hasCursor: boolean;
  /** Ordinal of the first message that the reader may see; beyond `messageCount` when there is none. */
  first: number;
  /** With history for members only: messages up to this ordinal were there before the reader joined. 0 = sees all. */
  hiddenThrough: number;
  /** From which event on the reader may see what happened; null = nothing. */
  since: (Moment & { version: number }) | null;
}

interface EntryRow {
  type: ConversationType;
  settings: Settings;
  member_count: number;
  message_count: number;
  expired_ordinal: number;
  version: number;
  deleted: boolean;
  in_audience: boolean;
  role: Role | null;
  joined_at: Date | null;
  joined_ordinal: number | null;
  joined_sequence: string | null;
  joined_version: number | null;
  was_member: boolean;
  banned_until: Date | null;
  banned: boolean;
  invited: boolean;
}

/** The conversation `c` is a broadcast for the reader, as long as they are not its member and not banned. */
const IN_AUDIENCE = `(c.type = 'broadcast' and (
    c.audience = 'all' or (c.audience = 'segment' and c.segment = any($3::text[]))
    or (c.audience = 'custom' and exists (select from read_model.audience_users a
      where a.user_id = $2 and a.conversation_id = c.id offset 0))))`;

const ENTRY_SQL = `select c.type, c.settings, c.member_count, c.message_count, c.expired_ordinal, c.version,
    c.deleted_at is not null as deleted, coalesce(${IN_AUDIENCE}, false) as in_audience,
    case when m.left_sequence is null then m.role end as role,
    m.joined_at, m.joined_ordinal, m.joined_sequence, m.joined_version,
    m.user_id is not null as was_member, b.user_id is not null as banned, b.until as banned_until,
    i.user_id is not null as invited
  from read_model.conversations c
  left join read_model.members m on m.conversation_id = c.id and m.user_id = $2
  left join read_model.bans b on b.conversation_id = c.id and b.user_id = $2 and (b.until is null or b.until > now())
  left join read_model.invites i on i.conversation_id = c.id and i.user_id = $2
    and (i.expires_at is null or i.expires_at > now())
  where c.id = $1`;

/**
 * Lets a reader into a conversation for a query: one statement. Throws `not-found` (also for what the reader may not
 * know of), `banned` or `forbidden`.
 */
export async function enter(
  client: PoolClient,
  query: ConversationQuery,
  conversationId: string,
  principal: Principal,
): Promise<Entry> {
  const { rows } = await client.query<EntryRow>({
    name: 'enter',
    text: ENTRY_SQL,
    values: [conversationId, principal.userId, principal.segments],
  });
  const [row] = rows;
  if (!row || row.deleted) throw new ProblemError('not-found');
  const relation = relationOf(row);
  const verdict = verdictOf(query, relation, row.type);
  if (verdict !== 'allowed') throw refusal(verdict, row.banned_until);
  return entryOf(conversationId, row, relation);
}

function relationOf(row: EntryRow): Relation {
  if (row.banned) return 'banned';
  if (row.role !== null) return row.role;
  if (row.in_audience) return 'audience';
  if (row.type === 'channel') return 'visitor';
  if (row.invited) return 'invited';
  return row.was_member ? 'removed' : 'stranger';
}

function refusal(verdict: Exclude<Verdict, 'allowed'>, bannedUntil: Date | null): ProblemError {
  if (verdict !== 'banned' || bannedUntil === null) return new ProblemError(verdict);
  return new ProblemError('banned', { detail: `until ${bannedUntil.toISOString()}` });
}

/** History for members only begins with joining, and a visitor has not joined. An audience never joins: it sees all. */
function entryOf(id: string, row: EntryRow, relation: Relation): Entry {
  const joinedOnly = row.settings.historyVisibility === 'joined';
  const isMember = row.role !== null;
  const seesNothing = joinedOnly && relation === 'visitor';
  const hiddenThrough = joinedOnly && isMember ? (row.joined_ordinal ?? 0) : 0;
  return {
    id,
    type: row.type,
    settings: row.settings,
    memberCount: row.member_count,
    messageCount: row.message_count,
    version: row.version,
    isMember,
    isModerator: verdictOf('bans', relation, row.type) === 'allowed',
    hasCursor: isMember || relation === 'audience',
    first: seesNothing ? row.message_count + 1 : Math.max(hiddenThrough, row.expired_ordinal) + 1,
    hiddenThrough,
    since: seesNothing ? null : joinedOnly && isMember ? joiningOf(row) : { ...BEGINNING, version: 0 },
  };
}

function joiningOf(row: EntryRow): NonNullable<Entry['since']> {
  return {
    sequence: Number(row.joined_sequence),
    at: row.joined_at?.toISOString() ?? BEGINNING.at,
    version: row.joined_version ?? 0,
  };
}
