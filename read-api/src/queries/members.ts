import { type MembersPage, type MembersQuery, type Role, userIdSchema } from '@parley/contracts';
import { z } from 'zod';
import { decodeCursor, encodeCursor } from '../page.ts';
import type { Snapshot } from '../snapshot.ts';
import { visibleConversation } from './conversation.ts';

const cursorSchema = z.tuple([userIdSchema]);

interface MemberRow {
  user_id: string;
  role: Role;
  joined_at: Date;
  read_ordinal: number;
}

/** Members in the order of their user ids. */
export async function readMembers(
  { client, asOf }: Snapshot,
  conversationId: string,
  query: MembersQuery,
  userId: string,
): Promise<MembersPage> {
  const [after] = decodeCursor(query.cursor, cursorSchema) ?? [null];
  const { version, member } = await visibleConversation(client, conversationId, userId);
  const { rows } = await client.query<MemberRow>({
    name: 'members',
    text: `select user_id, role, joined_at, read_ordinal from read_model.members
      where conversation_id = $1 and left_sequence is null and ($2::text is null or user_id > $2)
      order by user_id limit $3`,
    values: [conversationId, after, query.limit + 1],
  });
  const page = rows.slice(0, query.limit);
  const last = page.at(-1);
  return {
    asOf,
    version,
    items: page.map((row) => ({
      userId: row.user_id,
      role: row.role,
      joinedAt: row.joined_at.toISOString(),
      readOrdinal: member ? row.read_ordinal : null,
    })),
    nextCursor: rows.length > query.limit && last ? encodeCursor([last.user_id]) : null,
  };
}
