import {
  type CommandOf,
  decodeCommit,
  type EventData,
  errorCatalogue,
  isKnown,
  userSubject,
} from '@parley/contracts';
import { uuidv7 } from 'uuidv7';
import type { Answer } from './answer.ts';
import type { KnownFacts } from './domain/aggregate.ts';
import type { Candidate } from './domain/plan-commit.ts';
import { requestHash } from './request-hash.ts';
import type { Writers } from './writers.ts';

type Delivery = Pick<Candidate, 'hash' | 'correlationId'> & {
  command: CommandOf<'message.deliver-scheduled'>;
};

/**
 * Sends a scheduled message: it is released in the user's facts, sent in the conversation under the schedule's own id,
 * and what became of it is kept in the user's facts. Each step changes nothing when it was done before, so that stopping
 * anywhere and beginning again gives one message. What may pass (slow mode, a log that is away) is refused to the caller
 * and kept nowhere: the schedule stays released, to be asked for again.
 */
export async function deliverScheduled(writers: Writers, delivery: Delivery): Promise<Answer> {
  const { command, correlationId } = delivery;
  const { userId, scheduleId } = command.data;
  const released = await step(writers, delivery, {});
  if (released.kind === 'rejected' || !released.released) return released;
  const { conversationId, sequence } = released.released;
  const message = await scheduledMessage(writers, command.data, sequence);
  if (!message) return step(writers, delivery, { delivery: { outcome: 'failed', code: 'not-found' } });
  const data = { conversationId, ...message };
  const sent = await writers.conversations.submit(conversationId, {
    command: { type: 'message.send', id: scheduleId, actor: userId, segments: [], at: command.at, data },
    hash: requestHash('message.send', userId, data),
    correlationId,
    facts: {},
  });
  if (sent.kind === 'accepted') return step(writers, delivery, { delivery: { outcome: 'sent' } });
  if (errorCatalogue[sent.code].retryable) return sent;
  return step(writers, delivery, { delivery: { outcome: 'failed', code: sent.code } });
}

/** What is to be sent; null when the log, asked at its leader, has lost the commit: no retry brings it back. */
async function scheduledMessage(
  { log }: Writers,
  { userId, scheduleId }: Delivery['command']['data'],
  sequence: number,
): Promise<EventData<'message.scheduled'>['message'] | null> {
  const record = await log.at(sequence);
  const commit = record?.subject === userSubject(userId) ? decodeCommit(record.payload) : [];
  for (const event of commit) {
    if (!isKnown(event) || event.type !== 'message.scheduled') continue;
    if (event.data.scheduleId === scheduleId) return event.data.message;
  }
  return null;
}

/** The schedule's own state makes a step idempotent, so its key is not kept: each has an id of its own in the log. */
function step(writers: Writers, { command, hash, correlationId }: Delivery, facts: KnownFacts) {
  return writers.users.submit(command.data.userId, {
    command: { ...command, id: uuidv7() },
    hash,
    correlationId,
    facts,
    keyless: true,
  });
}
