import type { MessagesPage } from '@parley/contracts';
import { enter } from '../access.ts';
import type { QueryRequest } from '../read-query.ts';
import type { Snapshot } from '../snapshot.ts';
import { locateMessage } from './located-message.ts';
import { messageViewsIn } from './message-view.ts';

const REPLIES = 'from read_model.messages where conversation_id = $1 and thread_ordinal = $2';

const PAGE = {
  before: `select ordinal ${REPLIES} and ordinal < $3 order by ordinal desc limit $4`,
  after: `select ordinal ${REPLIES} and ordinal > $3 order by ordinal limit $4`,
};
const BEYOND_ALL = 2_147_483_647;

interface ThreadRow {
  ordinals: number[] | null;
  oldest: number | null;
  newest: number | null;
}

/** The replies in the thread of a message in ascending ordinals, the newest page when none is asked for. */
export async function readThread(
  { client, asOf }: Snapshot,
  { params: { conversationId, messageId }, query, principal }: QueryRequest<'thread'>,
): Promise<MessagesPage> {
  const entry = await enter(client, 'thread', conversationId, principal);
  const root = await locateMessage(client, entry, messageId, principal.userId);
  const direction = query.after === undefined ? 'before' : 'after';
  const edge = Math.min(query.after ?? query.before ?? BEYOND_ALL, BEYOND_ALL);
  const { rows } = await client.query<ThreadRow>({
    name: `thread-${direction}`,
    text: `select (select array_agg(ordinal order by ordinal) from (${PAGE[direction]}) page) as ordinals,
      (select min(ordinal) ${REPLIES}) as oldest, (select max(ordinal) ${REPLIES}) as newest`,
    values: [conversationId, root.ordinal, edge, query.limit],
  });
  const { ordinals, oldest, newest } = rows[0] ?? { ordinals: null, oldest: null, newest: null };
  const page = ordinals ?? [];
  // Of an empty page the edge tells what lies on either side of it.
  const from = page[0] ?? (direction === 'before' ? edge : edge + 1);
  const to = page.at(-1) ?? from - 1;
  const items = await messageViewsIn(client, principal.userId, conversationId, page);
  return {
    asOf,
    version: entry.version,
    items,
    hasBefore: oldest !== null && oldest < from,
    hasAfter: newest !== null && newest > to,
  };
}
