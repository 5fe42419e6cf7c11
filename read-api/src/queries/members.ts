import { type MembersPage, type Role, userIdSchema } from '@parley/contracts';
import { z } from 'zod';
import { enter } from '../access.ts';
import { momentOf } from '../moment.ts';
import { decodeCursor, pageOf } from '../page.ts';
import type { QueryRequest } from '../read-query.ts';
import type { Snapshot } from '../snapshot.ts';
import { pastOf } from './conversation-at.ts';
import { hasReceipts, SHOWN_READ } from './receipts.ts';

const cursorSchema = z.tuple([userIdSchema]);

interface MemberRow {
  user_id: string;
  role: Role;
  joined_at: Date;
  read_ordinal: number | null;
  delivered_ordinal: number | null;
}

/** Cursors go to members only: all of them where the others may see them, one's own always. */
const PRESENT = `select m.user_id, m.role, m.joined_at,
    case when $6 or ($7 and m.user_id = $1) then ${SHOWN_READ} end as read_ordinal,
    case when $6 or ($7 and m.user_id = $1) then m.delivered_ordinal end as delivered_ordinal
  from read_model.members m
  where m.conversation_id = $2 and m.left_sequence is null and ($3::text is null or m.user_id > $3)
    and ($4::text is null or m.role = $4)
  order by m.user_id limit $5`;

const PAST = `select user_id, role, joined_at, null as read_ordinal, null as delivered_ordinal from (
    select distinct on (user_id) user_id, role, joined_at from read_model.member_changes
    where conversation_id = $1 and ($2::text is null or user_id > $2) and sequence <= $5 and at <= $6::timestamptz
    order by user_id, version desc) latest
  where role is not null and ($3::text is null or role = $3)
  order by user_id limit $4`;

/** Members in the order of their user ids. As of the past they have no cursors: those are not kept. */
export async function readMembers(
  { client, asOf }: Snapshot,
  { params: { conversationId }, query, principal }: QueryRequest<'members'>,
): Promise<MembersPage> {
  const { role = null, limit } = query;
  const [after] = decodeCursor(query.cursor, cursorSchema) ?? [null];
  const entry = await enter(client, 'members', conversationId, principal);
  const moment = query.asOf === undefined ? null : momentOf(query.asOf);
  const { version } = moment ? await pastOf(client, conversationId, moment, entry.since) : entry;
  const which = [conversationId, after, role, limit + 1];
  const shows = [entry.isMember && hasReceipts(entry), entry.isMember];
  const { rows } = await client.query<MemberRow>(
    moment
      ? { name: 'members-as-of', text: PAST, values: [...which, moment.sequence, moment.at] }
      : { name: 'members', text: PRESENT, values: [principal.userId, ...which, ...shows] },
  );
  const { page, nextCursor } = pageOf(rows, limit, (row) => [row.user_id]);
  const items = page.map((row) => ({
    userId: row.user_id,
    role: row.role,
    joinedAt: row.joined_at.toISOString(),
    readOrdinal: row.read_ordinal,
    deliveredOrdinal: row.delivered_ordinal,
  }));
  return { asOf, version, items, nextCursor };
}
