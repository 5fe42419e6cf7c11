import type { UnreadView } from '@parley/contracts';
import type { Snapshot } from '../snapshot.ts';
import { MINE, UNREAD } from './unread-count.ts';

/** The badge: unread messages over all of the user's conversations. */
export async function readUnread({ client, asOf }: Snapshot, userId: string): Promise<UnreadView> {
  const { rows } = await client.query<{ total: string; conversations: string }>({
    name: 'unread',
    text: `select coalesce(sum(unread), 0) as total, count(*) filter (where unread > 0) as conversations
      from (select ${UNREAD} as unread
        from ${MINE}) mine`,
    values: [userId],
  });
  return { asOf, total: Number(rows[0]?.total), conversations: Number(rows[0]?.conversations) };
}
