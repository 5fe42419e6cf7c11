import { ProblemError } from '@parley/runtime';
import type { PoolClient } from 'pg';
import type { Entry } from '../access.ts';

interface LocatedMessage {
  ordinal: number;
  deleted: boolean;
}

/** Where a message stands. Throws `not-found` also for one that the reader hid, or that lies before what they may see. */
export async function locateMessage(
  client: PoolClient,
  entry: Entry,
  messageId: string,
  userId: string,
): Promise<LocatedMessage> {
  const { rows } = await client.query<LocatedMessage>({
    name: 'locate-message',
    text: `select ordinal, deleted_at is not null as deleted from read_model.messages m
      where conversation_id = $1 and message_id = $2 and ordinal >= $3 and not exists (
        select from read_model.hidden_messages h
        where h.user_id = $4 and h.conversation_id = $1 and h.ordinal = m.ordinal)`,
    values: [entry.id, messageId, entry.first, userId],
  });
  const [row] = rows;
  if (!row) throw new ProblemError('not-found');
  return row;
}
