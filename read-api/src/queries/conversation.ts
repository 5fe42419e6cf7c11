import type {
  ConversationAnswer,
  ConversationType,
  ConversationView,
  MembershipView,
  Role,
} from '@parley/contracts';
import { ProblemError } from '@parley/runtime';
import type { PoolClient } from 'pg';
import type { Snapshot } from '../snapshot.ts';
import { maySee } from '../visibility.ts';
import { UNREAD } from './unread-count.ts';

/** Columns of a conversation `c` with its last message `l`. */
export const CONVERSATION_COLUMNS = `c.id, c.type, c.title, c.description, c.created_at, c.created_by, c.member_count,
  c.message_count, c.version, l.message_id as last_id, l.ordinal as last_ordinal, l.sender_id as last_sender,
  left(l.body, 140) as last_preview, l.sent_at as last_at`;

/** The last message is the one whose ordinal is the count: one index probe. */
export const LAST_MESSAGE = `left join read_model.messages l
  on l.conversation_id = c.id and l.ordinal = c.message_count`;

export const MEMBERSHIP_COLUMNS = `m.role, m.joined_at, m.read_ordinal, ${UNREAD} as unread`;

export interface ConversationRow {
  id: string;
  type: ConversationType;
  title: string | null;
  description: string | null;
  created_at: Date;
  created_by: string;
  member_count: number;
  message_count: number;
  version: number;
  last_id: string | null;
  last_ordinal: number;
  last_sender: string;
  last_preview: string | null;
  last_at: Date;
}

export interface MembershipRow {
  role: Role | null;
  joined_at: Date;
  read_ordinal: number;
  unread: number;
}

export function conversationView(row: ConversationRow): ConversationView {
  return {
    id: row.id,
    type: row.type,
    title: row.title,
    description: row.description,
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
    version: row.version,
  };
}

export function membershipView(row: MembershipRow): MembershipView | null {
  if (row.role === null) return null;
  return {
    role: row.role,
    joinedAt: row.joined_at.toISOString(),
    readOrdinal: row.read_ordinal,
    unread: row.unread,
  };
}

/** The conversation as this user may see it; not-found for who may not know that it exists. */
export async function readConversation(
  { client, asOf }: Snapshot,
  conversationId: string,
  userId: string,
): Promise<ConversationAnswer> {
  const { rows } = await client.query<ConversationRow & MembershipRow>({
    name: 'conversation',
    text: `select ${CONVERSATION_COLUMNS}, ${MEMBERSHIP_COLUMNS}
      from read_model.conversations c ${LAST_MESSAGE}
      left join read_model.members m on m.conversation_id = c.id and m.user_id = $2 and m.left_sequence is null
      where c.id = $1`,
    values: [conversationId, userId],
  });
  const row = rows[0];
  if (!row || !maySee(row.type, row.role !== null)) throw new ProblemError('not-found');
  return { asOf, conversation: conversationView(row), me: membershipView(row) };
}

/** What lists inside a conversation need of it; not-found as above. */
export async function visibleConversation(
  client: PoolClient,
  conversationId: string,
  userId: string,
): Promise<{ messageCount: number; version: number; member: boolean }> {
  const { rows } = await client.query<{
    type: ConversationType;
    message_count: number;
    version: number;
    member: boolean;
  }>({
    name: 'visible-conversation',
    text: `select c.type, c.message_count, c.version, m.user_id is not null as member
      from read_model.conversations c
      left join read_model.members m on m.conversation_id = c.id and m.user_id = $2 and m.left_sequence is null
      where c.id = $1`,
    values: [conversationId, userId],
  });
  const row = rows[0];
  if (!row || !maySee(row.type, row.member)) throw new ProblemError('not-found');
  return { messageCount: row.message_count, version: row.version, member: row.member };
}
