import { type BansPage, userIdSchema } from '@parley/contracts';
import { z } from 'zod';
import { enter } from '../access.ts';
import { decodeCursor, pageOf } from '../page.ts';
import type { QueryRequest } from '../read-query.ts';
import type { Snapshot } from '../snapshot.ts';

const cursorSchema = z.tuple([userIdSchema]);

interface BanRow {
  user_id: string;
  banned_by: string;
  at: Date;
  until: Date | null;
  reason: string | null;
}

/** Who is banned now, in the order of their ids. */
export async function readBans(
  { client, asOf }: Snapshot,
  { params: { conversationId }, query, principal }: QueryRequest<'bans'>,
): Promise<BansPage> {
  const [after] = decodeCursor(query.cursor, cursorSchema) ?? [null];
  await enter(client, 'bans', conversationId, principal);
  const { rows } = await client.query<BanRow>({
    name: 'bans',
    text: `select user_id, banned_by, at, until, reason from read_model.bans
      where conversation_id = $1 and ($2::text is null or user_id > $2) and (until is null or until > now())
      order by user_id limit $3`,
    values: [conversationId, after, query.limit + 1],
  });
  const { page, nextCursor } = pageOf(rows, query.limit, (row) => [row.user_id]);
  const items = page.map((row) => ({
    userId: row.user_id,
    by: row.banned_by,
    at: row.at.toISOString(),
    until: row.until?.toISOString() ?? null,
    reason: row.reason,
  }));
  return { asOf, items, nextCursor };
}
