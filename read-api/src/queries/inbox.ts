import { conversationIdSchema, type InboxPage, type InboxQuery } from '@parley/contracts';
import { z } from 'zod';
import { cursorCount, cursorTime, decodeCursor, encodeCursor } from '../page.ts';
import type { Snapshot } from '../snapshot.ts';
import {
  CONVERSATION_COLUMNS,
  type ConversationRow,
  conversationView,
  LAST_MESSAGE,
  MEMBERSHIP_COLUMNS,
  type MembershipRow,
  membershipView,
} from './conversation.ts';
import { MINE } from './unread-count.ts';

/** [unread, last activity, id]: the sort key of either order. */
const cursorSchema = z.tuple([cursorCount, cursorTime, conversationIdSchema]);

type InboxRow = ConversationRow & MembershipRow & { active_at: Date };

const SORT_KEY = {
  recent: { order: 'active_at desc, id desc', after: '(active_at, id) < ($4::timestamptz, $5::uuid)' },
  unread: {
    order: 'unread desc, active_at desc, id desc',
    after: '(unread, active_at, id) < ($6::int, $4::timestamptz, $5::uuid)',
  },
} as const;

/** One statement for each order, whatever the filter and the page, so that each is prepared once. */
function inboxSql(sort: keyof typeof SORT_KEY): string {
  const { order, after } = SORT_KEY[sort];
  return `with mine as (
      select c.*, date_trunc('milliseconds', coalesce(c.last_message_at, c.created_at)) as active_at, ${MEMBERSHIP_COLUMNS}
      from ${MINE}),
    page as (
      select * from mine
      where ($2 = 'all' or type = $2 or ($2 = 'unread' and unread > 0)) and ($4::timestamptz is null or ${after})
      order by ${order} limit $3)
    select ${CONVERSATION_COLUMNS}, c.role, c.joined_at, c.read_ordinal, c.unread, c.active_at
    from page c ${LAST_MESSAGE} order by ${order}`;
}

/** The user's conversations with their unread counts. */
export async function readInbox(
  { client, asOf }: Snapshot,
  query: InboxQuery,
  userId: string,
): Promise<InboxPage> {
  const { filter, order, limit } = query;
  const [unread, activeAt, id] = decodeCursor(query.cursor, cursorSchema) ?? [null, null, null];
  const { rows } = await client.query<InboxRow>({
    name: `inbox-${order}`,
    text: inboxSql(order),
    values: [
      userId,
      filter,
      limit + 1,
      activeAt === null ? null : new Date(activeAt).toISOString(),
      id,
      ...(order === 'unread' ? [unread] : []),
    ],
  });
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    asOf,
    items: page.flatMap((row) => {
      const me = membershipView(row);
      return me ? [{ conversation: conversationView(row), me }] : [];
    }),
    nextCursor:
      rows.length > limit && last ? encodeCursor([last.unread, last.active_at.getTime(), last.id]) : null,
  };
}
