import type { UnreadView } from '@parley/contracts';
import type { QueryRequest } from '../read-query.ts';
import type { Snapshot } from '../snapshot.ts';
import { ARCHIVED, MINE, MUTED } from './membership.ts';
import { MENTIONS, THREAD_UNREAD, UNREAD } from './unread-count.ts';

/** The badge. What is muted or archived calls the user only by mentions. */
export async function readUnread(
  { client, asOf }: Snapshot,
  { principal }: QueryRequest<'unread'>,
): Promise<UnreadView> {
  const { rows } = await client.query<Record<'total' | 'mentions' | 'threads' | 'conversations', string>>({
    name: 'unread',
    text: `select coalesce(sum(unread), 0) as total, coalesce(sum(mentions), 0) as mentions,
        coalesce(sum(threads), 0) as threads, count(*) filter (where unread > 0) as conversations
      from (select case when loud then ${UNREAD} end as unread, ${MENTIONS} as mentions,
          case when loud then ${THREAD_UNREAD} end as threads
        from ${MINE} cross join lateral (select not (${MUTED} or ${ARCHIVED}) as loud offset 0) told) mine`,
    values: [principal.userId, principal.segments],
  });
  const [row] = rows;
  return {
    asOf,
    total: Number(row?.total),
    mentions: Number(row?.mentions),
    threads: Number(row?.threads),
    conversations: Number(row?.conversations),
  };
}
