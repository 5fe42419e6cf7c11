import type {
  Audience,
  ConversationAnswer,
  ConversationType,
  ConversationView,
  Settings,
} from '@parley/contracts';
import { ProblemError } from '@parley/runtime';
import { enter } from '../access.ts';
import { momentOf } from '../moment.ts';
import type { QueryRequest } from '../read-query.ts';
import type { Snapshot } from '../snapshot.ts';
import { conversationAt } from './conversation-at.ts';
import { MEMBERSHIP_COLUMNS, type MembershipRow, membershipView, READER } from './membership.ts';

/** Columns of a conversation `c` as the reader `$1` sees it, with its last message `l`, which `lastMessage` joins. */
export const CONVERSATION_COLUMNS = `c.id, c.type, c.title, c.description, c.avatar, c.settings, c.audience, c.segment,
  c.audience_user_ids, c.created_at, c.created_by, c.archived_at, c.member_count, c.message_count, c.version,
  l.message_id as last_id, l.ordinal as last_ordinal, l.sender_id as last_sender, l.preview as last_preview,
  l.sent_at as last_at, case when c.type = 'direct' then (select o.user_id from read_model.members o
    where o.conversation_id = c.id and o.user_id <> $1 limit 1) end as other_user_id`;

/**
 * SQL that joins the newest main message `l` of a conversation `c` as the reader `$1` may see it; none when it is not
 * after the ordinal `hiddenThrough`, or when retention has emptied it. One index probe, and one more for hiding.
 */
export const lastMessage = (hiddenThrough = '0'): string => `left join lateral (
    select m.message_id, m.ordinal, m.sender_id, m.sent_at, case when not exists (
        select from read_model.hidden_messages h
        where h.user_id = $1 and h.conversation_id = m.conversation_id and h.ordinal = m.ordinal
      ) then left(m.body, 140) end as preview
    from read_model.messages m
    where m.conversation_id = c.id and m.ordinal = c.last_main_ordinal
      and m.ordinal > greatest(c.expired_ordinal, ${hiddenThrough})) l on true`;

export interface ConversationRow {
  id: string;
  type: ConversationType;
  title: string | null;
  description: string | null;
  avatar: string | null;
  settings: Settings;
  audience: Audience['kind'] | null;
  segment: string | null;
  audience_user_ids: string[] | null;
  created_at: Date;
  created_by: string;
  archived_at: Date | null;
  member_count: number;
  message_count: number;
  version: number;
  last_id: string | null;
  last_ordinal: number;
  last_sender: string;
  last_preview: string | null;
  last_at: Date;
  other_user_id: string | null;
}

/** The view of a row; whom a custom audience names is told to members only. */
export function conversationView(row: ConversationRow, isMember: boolean): ConversationView {
  return {
    id: row.id,
    type: row.type,
    title: row.title,
    description: row.description,
    avatar: row.avatar,
    otherUserId: row.other_user_id,
    audience: audienceView(row, isMember),
    settings: row.settings,
    createdAt: row.created_at.toISOString(),
    createdBy: row.created_by,
    memberCount: row.member_count,
    messageCount: row.message_count,
    lastMessage:
      row.last_id === null
        ? null
        : {
            messageId: row.last_id,
            ordinal: row.last_ordinal,
            senderId: row.last_sender,
            preview: row.last_preview,
            sentAt: row.last_at.toISOString(),
          },
    archived: row.archived_at !== null,
    version: row.version,
  };
}

function audienceView(row: ConversationRow, isMember: boolean): ConversationView['audience'] {
  if (row.audience === null) return null;
  if (row.audience === 'segment') return { kind: 'segment', segment: row.segment ?? '' };
  if (row.audience === 'all' || !isMember) return { kind: row.audience } as ConversationView['audience'];
  return { kind: 'custom', userIds: row.audience_user_ids ?? [] };
}

/** The conversation as this reader may see it. As of the past there is no `me`: cursors of then are not kept. */
export async function readConversation(
  { client, asOf }: Snapshot,
  { params: { conversationId }, query, principal }: QueryRequest<'conversation'>,
): Promise<ConversationAnswer> {
  const entry = await enter(client, 'conversation', conversationId, principal);
  const { rows } = await client.query<ConversationRow & MembershipRow>({
    name: 'conversation',
    text: `select ${CONVERSATION_COLUMNS}, ${MEMBERSHIP_COLUMNS}
      from read_model.conversations c ${READER} ${lastMessage('$3::int')} where c.id = $2`,
    values: [principal.userId, conversationId, entry.first - 1],
  });
  const [row] = rows;
  if (!row) throw new ProblemError('not-found');
  const present = conversationView(row, entry.isMember);
  if (query.asOf === undefined) {
    return { asOf, conversation: present, me: entry.hasCursor ? membershipView(row) : null };
  }
  const moment = momentOf(query.asOf);
  return { asOf, conversation: await conversationAt(client, entry, present, moment, principal), me: null };
}
