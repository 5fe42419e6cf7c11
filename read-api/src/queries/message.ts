import type { MessageAnswer } from '@parley/contracts';
import { ProblemError } from '@parley/runtime';
import { enter } from '../access.ts';
import type { QueryRequest } from '../read-query.ts';
import type { Snapshot } from '../snapshot.ts';
import { locateMessage } from './located-message.ts';
import { messageViewsIn } from './message-view.ts';

/** One message; `not-found` when the reader hid it or retention emptied it. */
export async function readMessage(
  { client, asOf }: Snapshot,
  { params: { conversationId, messageId }, principal }: QueryRequest<'message'>,
): Promise<MessageAnswer> {
  const entry = await enter(client, 'message', conversationId, principal);
  const { ordinal } = await locateMessage(client, entry, messageId, principal.userId);
  const [message] = await messageViewsIn(client, principal.userId, conversationId, [ordinal]);
  if (!message) throw new ProblemError('not-found');
  return { asOf, message };
}
