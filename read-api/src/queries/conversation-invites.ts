import { type ConversationInvitesPage, type Role, userIdSchema } from '@parley/contracts';
import { z } from 'zod';
import { enter } from '../access.ts';
import { decodeCursor, pageOf } from '../page.ts';
import type { QueryRequest } from '../read-query.ts';
import type { Snapshot } from '../snapshot.ts';

const cursorSchema = z.tuple([userIdSchema]);

interface InviteRow {
  user_id: string;
  role: Role;
  invited_by: string;
  at: Date;
  expires_at: Date | null;
}

/** Whose invitation is open now, in the order of their ids. */
export async function readConversationInvites(
  { client, asOf }: Snapshot,
  { params: { conversationId }, query, principal }: QueryRequest<'conversationInvites'>,
): Promise<ConversationInvitesPage> {
  const [after] = decodeCursor(query.cursor, cursorSchema) ?? [null];
  await enter(client, 'conversationInvites', conversationId, principal);
  const { rows } = await client.query<InviteRow>({
    name: 'conversation-invites',
    text: `select user_id, role, invited_by, at, expires_at from read_model.invites
      where conversation_id = $1 and ($2::text is null or user_id > $2) and (expires_at is null or expires_at > now())
      order by user_id limit $3`,
    values: [conversationId, after, query.limit + 1],
  });
  const { page, nextCursor } = pageOf(rows, query.limit, (row) => [row.user_id]);
  const items = page.map((row) => ({
    userId: row.user_id,
    role: row.role,
    invitedBy: row.invited_by,
    at: row.at.toISOString(),
    expiresAt: row.expires_at?.toISOString() ?? null,
  }));
  return { asOf, items, nextCursor };
}
