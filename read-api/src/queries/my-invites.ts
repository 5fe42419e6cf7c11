import type { MyInvitesPage } from '@parley/contracts';
import { z } from 'zod';
import { cursorSequence, decodeCursor, pageOf } from '../page.ts';
import type { QueryRequest } from '../read-query.ts';
import type { Snapshot } from '../snapshot.ts';

/** [sequence]: a commit is of one conversation, so no two invites of a user share it. */
const cursorSchema = z.tuple([cursorSequence]);

type Item = MyInvitesPage['items'][number];

interface InviteRow {
  conversation_id: string;
  type: Item['type'];
  title: string | null;
  member_count: number;
  role: Item['role'];
  invited_by: string;
  at: Date;
  expires_at: Date | null;
  sequence: string;
}

/** Invites that can still be accepted, the newest first. */
export async function readMyInvites(
  { client, asOf }: Snapshot,
  { query, principal }: QueryRequest<'invites'>,
): Promise<MyInvitesPage> {
  const [before] = decodeCursor(query.cursor, cursorSchema) ?? [Number.MAX_SAFE_INTEGER];
  const { rows } = await client.query<InviteRow>({
    name: 'my-invites',
    text: `select i.conversation_id, c.type, c.title, c.member_count, i.role, i.invited_by, i.at, i.expires_at, i.sequence
      from read_model.invites i
      cross join lateral (select * from read_model.conversations
        where id = i.conversation_id and deleted_at is null limit 1) c
      where i.user_id = $1 and i.sequence < $2 and (i.expires_at is null or i.expires_at > now())
      order by i.sequence desc limit $3`,
    values: [principal.userId, before, query.limit + 1],
  });
  const { page, nextCursor } = pageOf(rows, query.limit, (row) => [Number(row.sequence)]);
  return {
    asOf,
    items: page.map((row) => ({
      conversationId: row.conversation_id,
      type: row.type,
      title: row.title,
      memberCount: row.member_count,
      role: row.role,
      invitedBy: row.invited_by,
      at: row.at.toISOString(),
      expiresAt: row.expires_at?.toISOString() ?? null,
    })),
    nextCursor,
  };
}
