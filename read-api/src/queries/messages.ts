import type { MessagesPage } from '@parley/contracts';
import { enter } from '../access.ts';
import { momentOf } from '../moment.ts';
import { messageRange } from '../page.ts';
import type { QueryRequest } from '../read-query.ts';
import type { Snapshot } from '../snapshot.ts';
import { pastOf } from './conversation-at.ts';
import { messageViewsIn } from './message-view.ts';

/**
 * A page of history in ascending ordinals; reading it moves no cursor. What the reader hid is left out, so a page may be
 * shorter than its limit.
 */
export async function readMessages(
  { client, asOf }: Snapshot,
  { params: { conversationId }, query, principal }: QueryRequest<'messages'>,
): Promise<MessagesPage> {
  const entry = await enter(client, 'messages', conversationId, principal);
  const moment = query.asOf === undefined ? undefined : momentOf(query.asOf);
  const { messageCount: last, version } = moment ? await pastOf(client, conversationId, moment) : entry;
  const { first } = entry;
  const { from, to } = messageRange(query, { first: Math.min(first, last + 1), last });
  const ordinals = Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
  const items = await messageViewsIn(client, principal.userId, conversationId, ordinals, moment);
  return { asOf, version, items, hasBefore: from > first, hasAfter: to < last };
}
