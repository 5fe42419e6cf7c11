import { conversationIdSchema, type InboxPage, type Query } from '@parley/contracts';
import { z } from 'zod';
import { cursorTime, decodeCursor, pageOf } from '../page.ts';
import type { QueryRequest } from '../read-query.ts';
import type { Snapshot } from '../snapshot.ts';
import { CONVERSATION_COLUMNS, type ConversationRow, conversationView, lastMessage } from './conversation.ts';
import {
  ARCHIVED,
  MEMBERSHIP_COLUMNS,
  type MembershipRow,
  MINE,
  MUTED,
  membershipView,
  READER,
} from './membership.ts';
import { MENTIONS, UNREAD } from './unread-count.ts';

/** [order and filter, rank, last activity, id]: a place in one list is none in another. */
const cursorSchema = (list: string) =>
  z.tuple([z.literal(list), cursorTime, cursorTime, conversationIdSchema]);

type InboxRow = ConversationRow & MembershipRow & { rank: string; active_at: Date };

/** What comes before activity. */
const RANK: Record<Query<'inbox'>['order'], string> = {
  recent: '0',
  unread: UNREAD,
  pinned: 'coalesce(floor(extract(epoch from uc.pinned_at) * 1000), 0)',
};

/**
 * One statement for each order, whatever the filter and the page, so that each is prepared once. What an order and a
 * filter do not need is counted for the rows of the page only.
 */
function inboxSql(order: Query<'inbox'>['order']): string {
  return `with page as materialized (
      select * from (
        select c.id, ${RANK[order]}::bigint as rank,
          date_trunc('milliseconds', coalesce(c.last_message_at, c.created_at)) as active_at
        from ${MINE}
        where ${ARCHIVED} = ($3 = 'archived') and case $3
          when 'all' then true when 'archived' then true when 'muted' then ${MUTED}
          when 'pinned' then uc.pinned_at is not null when 'unread' then ${UNREAD} > 0
          when 'mentions' then ${MENTIONS} > 0 else c.type = $3 end) mine
      where $5::bigint is null or (rank, active_at, id) < ($5, $6::timestamptz, $7::uuid)
      order by rank desc, active_at desc, id desc limit $4)
    select ${CONVERSATION_COLUMNS}, ${MEMBERSHIP_COLUMNS}, page.rank, page.active_at
    from page
    cross join lateral (select * from read_model.conversations where id = page.id limit 1) c
    ${READER} ${lastMessage('f.hidden_through')}
    order by page.rank desc, page.active_at desc, page.id desc`;
}

/** The user's conversations, and broadcasts for them, with what is unread in each. */
export async function readInbox(
  { client, asOf }: Snapshot,
  { query, principal }: QueryRequest<'inbox'>,
): Promise<InboxPage> {
  const { filter, order, limit } = query;
  const list = `${order} ${filter}`;
  const [, rank, activeAt, id] = decodeCursor(query.cursor, cursorSchema(list)) ?? [list, null, null, null];
  const { rows } = await client.query<InboxRow>({
    name: `inbox-${order}`,
    text: inboxSql(order),
    values: [
      principal.userId,
      principal.segments,
      filter,
      limit + 1,
      rank,
      activeAt === null ? null : new Date(activeAt).toISOString(),
      id,
    ],
  });
  const { page, nextCursor } = pageOf(rows, limit, (row) => [
    list,
    Number(row.rank),
    row.active_at.getTime(),
    row.id,
  ]);
  return {
    asOf,
    items: page.map((row) => ({
      conversation: conversationView(row, row.role !== null),
      me: membershipView(row),
    })),
    nextCursor,
  };
}
