import type { ReactionsPage } from '@parley/contracts';
import { z } from 'zod';
import { enter } from '../access.ts';
import { cursorCount, decodeCursor, pageOf } from '../page.ts';
import type { QueryRequest } from '../read-query.ts';
import type { Snapshot } from '../snapshot.ts';
import { locateMessage } from './located-message.ts';

/** [version of the reaction]: one event each, so no two are the same. */
const cursorSchema = z.tuple([cursorCount]);

interface ReactionRow {
  emoji: string;
  user_id: string;
  at: Date;
  version: number;
}

/** Who reacted to a message, in the order in which they did. */
export async function readReactions(
  { client, asOf }: Snapshot,
  { params: { conversationId, messageId }, query, principal }: QueryRequest<'reactions'>,
): Promise<ReactionsPage> {
  const [after] = decodeCursor(query.cursor, cursorSchema) ?? [0];
  const entry = await enter(client, 'reactions', conversationId, principal);
  const { ordinal, deleted } = await locateMessage(client, entry, messageId, principal.userId);
  if (deleted) return { asOf, items: [], nextCursor: null };
  const { rows } = await client.query<ReactionRow>({
    name: 'reactions',
    text: `select emoji, user_id, at, version from read_model.reactions
      where conversation_id = $1 and ordinal = $2 and latest and added and version > $3 order by version limit $4`,
    values: [conversationId, ordinal, after, query.limit + 1],
  });
  const { page, nextCursor } = pageOf(rows, query.limit, (row) => [row.version]);
  const items = page.map(({ emoji, user_id, at }) => ({ emoji, userId: user_id, at: at.toISOString() }));
  return { asOf, items, nextCursor };
}
