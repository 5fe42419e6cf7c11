import type { ThreadsPage } from '@parley/contracts';
import { z } from 'zod';
import { cursorCount, cursorSequence, decodeCursor, pageOf } from '../page.ts';
import type { QueryRequest } from '../read-query.ts';
import type { Snapshot } from '../snapshot.ts';
import { READER } from './membership.ts';
import { messageViewsOf } from './message-view.ts';
import { IS_ROOT_SHOWN, UNREAD_REPLIES } from './unread-count.ts';

/** [sequence, ordinal] of the newest reply: a commit is of one conversation, so no two threads share both. */
const cursorSchema = z.tuple([cursorSequence, cursorCount]);

interface ThreadRow {
  conversation_id: string;
  ordinal: number;
  read_ordinal: number;
  unread: number;
  last_reply_at: Date;
  last_reply_sequence: string;
  last_reply_ordinal: number;
}

/** One row for each followed thread whose root the reader may see. */
const THREADS = `select tf.conversation_id, tf.ordinal, tf.read_ordinal, ${UNREAD_REPLIES} as unread,
    t.last_reply_at, t.last_reply_sequence, t.last_reply_ordinal
  from read_model.thread_followers tf
  cross join lateral (select * from read_model.threads
    where conversation_id = tf.conversation_id and ordinal = tf.ordinal limit 1) t
  cross join lateral (select * from read_model.conversations
    where id = tf.conversation_id and deleted_at is null limit 1) c
  ${READER}
  where tf.user_id = $1 and m.user_id is not null and ${IS_ROOT_SHOWN}
    and ($3::bigint is null or (t.last_reply_sequence, t.last_reply_ordinal) < ($3, $4::int))
    and (not $2 or ${UNREAD_REPLIES} > 0)
  order by t.last_reply_sequence desc, t.last_reply_ordinal desc limit $5`;

export async function readThreads(
  { client, asOf }: Snapshot,
  { query, principal }: QueryRequest<'threads'>,
): Promise<ThreadsPage> {
  const [sequence, ordinal] = decodeCursor(query.cursor, cursorSchema) ?? [null, null];
  const { rows } = await client.query<ThreadRow>({
    name: 'threads',
    text: THREADS,
    values: [principal.userId, query.unread, sequence, ordinal, query.limit + 1],
  });
  const { page, nextCursor } = pageOf(rows, query.limit, (row) => [
    Number(row.last_reply_sequence),
    row.last_reply_ordinal,
  ]);
  const refs = page.map((row) => ({ conversationId: row.conversation_id, ordinal: row.ordinal }));
  const roots = await messageViewsOf(client, principal.userId, refs);
  return {
    asOf,
    items: page.flatMap((row) => {
      const root = roots.get(`${row.conversation_id}/${row.ordinal}`);
      if (root === undefined) return [];
      return {
        conversationId: row.conversation_id,
        root,
        readOrdinal: row.read_ordinal,
        unread: row.unread,
        lastReplyAt: row.last_reply_at.toISOString(),
      };
    }),
    nextCursor,
  };
}
