import { ProblemError } from '@parley/runtime';
import type { PoolClient } from 'pg';
import type { Entry } from '../access.ts';

interface LocatedMessage {
  ordinal: number;
  deleted: boolean;
}

/** Where a message stands. Throws `not-found` also for one that lies before what the reader may see. */
export async function locateMessage(
  client: PoolClient,
  entry: Entry,
  messageId: string,
): Promise<LocatedMessage> {
  const { rows } = await client.query<LocatedMessage>({
    name: 'locate-message',
    text: `select ordinal, deleted_at is not null as deleted from read_model.messages
      where conversation_id = $1 and message_id = $2 and ordinal >= $3`,
    values: [entry.id, messageId, entry.first],
  });
  const [row] = rows;
  if (!row) throw new ProblemError('not-found');
  return row;
}
