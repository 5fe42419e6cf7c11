import type { ConversationView, MessageView, Settings } from '@parley/contracts';
import { type Principal, ProblemError } from '@parley/runtime';
import type { PoolClient } from 'pg';
import type { Entry } from '../access.ts';
import { BEGINNING, type Moment } from '../moment.ts';
import { messageViewsIn } from './message-view.ts';

const PREVIEW_CHARACTERS = 140;

interface PastRow {
  existed: boolean;
  message_count: number;
  version: number;
}

/**
 * Ordinals, sequences and times of messages rise together, so how many there were is found by halving: about 20 probes
 * in a conversation of a million.
 */
const MESSAGES_THEN = `(
    with recursive halving (low, high) as (
      select 0, c.message_count
      union all
      select case when m.sequence <= $2 and m.sent_at <= $3::timestamptz then m.ordinal else low end,
        case when m.sequence <= $2 and m.sent_at <= $3::timestamptz then high else m.ordinal - 1 end
      from halving join read_model.messages m on m.conversation_id = c.id and m.ordinal = (low + high + 1) / 2
      where low < high)
    select low from halving where low >= high)`;

/** The version that made the last text of a message that was there then. */
const VERSION_OF_LAST = `select coalesce(
      (select min(e.version) from read_model.message_edits e
        where e.conversation_id = c.id and e.ordinal = past.message_count),
      (select m.version from read_model.messages m where m.conversation_id = c.id
        and m.ordinal = past.message_count and m.edit_count = 0 and m.deleted_at is null))`;

/**
 * The version of the newest message or audited fact of then; where nothing has happened since, the present one. An edit, a
 * reaction or a cursor that came after those is in the answer and not in its version: a client that goes on from there
 * applies it twice, and never misses one.
 */
const PAST = `select exists (
      select from read_model.audit a where a.conversation_id = c.id and a.version = 1
        and a.sequence <= $2 and a.at <= $3::timestamptz)
      and $4::bigint <= $2::bigint and $5::timestamptz <= $3::timestamptz as existed,
    past.message_count, case when c.sequence <= $2 and $3::timestamptz >= now() then c.version else greatest(1,
      (select a.version from read_model.audit a where a.conversation_id = c.id
        and a.sequence <= $2 and a.at <= $3::timestamptz order by a.version desc limit 1),
      (${VERSION_OF_LAST})) end as version
  from read_model.conversations c
  cross join lateral (select ${MESSAGES_THEN} as message_count offset 0) past
  where c.id = $1`;

/**
 * How far a conversation had come at a moment. Throws `not-found` when it did not exist yet, or when the moment is before
 * the reader may see what happened (`since`; null = they never may).
 */
export async function pastOf(
  client: PoolClient,
  conversationId: string,
  moment: Moment,
  since: Moment | null = BEGINNING,
): Promise<{ messageCount: number; version: number }> {
  if (since === null) throw new ProblemError('not-found');
  const { rows } = await client.query<PastRow>({
    name: 'past',
    text: PAST,
    values: [conversationId, moment.sequence, moment.at, since.sequence, since.at],
  });
  const [row] = rows;
  if (!row?.existed) throw new ProblemError('not-found');
  return { messageCount: row.message_count, version: row.version };
}

/** What the audit keeps of a conversation's own events. */
interface Facts {
  title?: string | null;
  description?: string | null;
  avatar?: string | null;
  settings?: Partial<Settings>;
}

/** The fields that could change, as the facts up to a moment leave them. */
function foldFacts(
  present: ConversationView,
  facts: readonly { type: string; details: Facts }[],
): ConversationView {
  const view = {
    ...present,
    title: null,
    description: null,
    avatar: null,
    archived: false,
  } as ConversationView;
  for (const { type, details } of facts) {
    if (type === 'conversation.archived') view.archived = true;
    if (type === 'conversation.unarchived') view.archived = false;
    if (details.title !== undefined) view.title = details.title;
    if (details.description !== undefined) view.description = details.description;
    if (details.avatar !== undefined) view.avatar = details.avatar;
    if (details.settings) view.settings = { ...view.settings, ...details.settings };
  }
  return view;
}

/**
 * A conversation as it was at a moment, seen with what the reader may see now. Throws `not-found` as `pastOf` does.
 */
export async function conversationAt(
  client: PoolClient,
  entry: Entry,
  present: ConversationView,
  moment: Moment,
  principal: Principal,
): Promise<ConversationView> {
  const bounds = [entry.id, moment.sequence, moment.at];
  const { messageCount, version } = await pastOf(client, entry.id, moment, entry.since);
  const facts = await client.query<{ type: string; details: Facts }>({
    name: 'conversation-facts',
    text: `select type, details from read_model.audit where conversation_id = $1
      and sequence <= $2 and at <= $3::timestamptz and type like 'conversation.%' order by version`,
    values: bounds,
  });
  const members = await client.query<{ count: number }>({
    name: 'member-count-as-of',
    text: `select count(*) filter (where role is not null)::int as count from (
        select distinct on (user_id) role from read_model.member_changes
        where conversation_id = $1 and sequence <= $2 and at <= $3::timestamptz
        order by user_id, version desc) latest`,
    values: bounds,
  });
  return {
    ...foldFacts(present, facts.rows),
    memberCount: members.rows[0]?.count ?? 0,
    messageCount,
    lastMessage: await lastMessageAt(client, entry, messageCount, moment, principal),
    version,
  };
}

async function lastMessageAt(
  client: PoolClient,
  entry: Entry,
  messageCount: number,
  moment: Moment,
  principal: Principal,
): Promise<ConversationView['lastMessage']> {
  const { rows } = await client.query<StubRow>({
    name: 'last-message-as-of',
    text: `select message_id, ordinal, sender_id, sent_at from read_model.messages
      where conversation_id = $1 and ordinal between $2 and $3 and thread_ordinal is null
      order by ordinal desc limit 1`,
    values: [entry.id, entry.first, messageCount],
  });
  const [stub] = rows;
  if (!stub) return null;
  // Absent when the reader hid it: its place is known, its text is not shown.
  const [view] = await messageViewsIn(client, principal.userId, entry.id, [stub.ordinal], moment);
  return {
    messageId: stub.message_id,
    ordinal: stub.ordinal,
    senderId: stub.sender_id,
    preview: view ? previewOf(view) : null,
    sentAt: stub.sent_at.toISOString(),
  };
}

interface StubRow {
  message_id: string;
  ordinal: number;
  sender_id: string;
  sent_at: Date;
}

function previewOf({ body }: MessageView): string | null {
  return body === null ? null : [...body].slice(0, PREVIEW_CHARACTERS).join('');
}
