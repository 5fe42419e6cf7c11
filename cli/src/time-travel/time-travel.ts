import { CorruptCommit, conversationSubject, decodeCommit, type RecordedEvent } from '@parley/contracts';
import type { CommitRecord, EventLog } from '@parley/runtime';
import { grouped } from '../log/counted.ts';
import { rowsOf } from '../log/event-row.ts';
import { printable } from '../log/printable.ts';
import { Unavailable, UsageError } from '../run-command.ts';
import { MissingVersions, type PastConversation, PastFold } from './past-conversation.ts';

/** A place in the log, or in the conversation. */
export type Moment = { through: number } | { version: number };

/**
 * A conversation as it was at a moment, from its commits in the log but for those that are skipped; null when it was not
 * created by then. Throws UsageError for a version that it has not reached, Unavailable when the log no longer holds its
 * beginning or a commit cannot be read.
 */
export async function timeTravel(
  log: EventLog,
  conversationId: string,
  moment: Moment,
  options: { messages: number; skipped: ReadonlySet<number>; signal: AbortSignal },
): Promise<PastConversation | null> {
  const fold = new PastFold(log.epoch, options.messages);
  let isFirst = true;
  for await (const page of log.read(conversationSubject(conversationId), 0)) {
    options.signal.throwIfAborted();
    for (const record of page) {
      // Whatever the moment: what is missing might be all that there was by then.
      if (isFirst) mustBegin(record);
      isFirst = false;
      if ('through' in moment && record.sequence > moment.through) return fold.past();
      if ('version' in moment && fold.version >= moment.version) return fold.past();
      if (options.skipped.has(record.sequence)) {
        fold.passOver(record.sequence);
        continue;
      }
      const events = readable(record);
      const wanted = 'version' in moment ? events.filter(isUpTo(moment.version)) : events;
      take(fold, record, wanted);
      if (wanted.length < events.length) return fold.past();
    }
  }
  const past = fold.past();
  if (past && 'version' in moment && past.conversation.version < moment.version) {
    throw new UsageError(
      `There is no version ${moment.version} yet: the newest is ${past.conversation.version}.`,
    );
  }
  return past;
}

/** What cannot be read may have been skipped, or is told of when it is needed. */
function mustBegin(record: CommitRecord): void {
  const version = rowsOf(record)[0]?.version ?? 1;
  if (version > 1) {
    throw beginningGone(`it begins at version ${grouped(version)}, with commit ${grouped(record.sequence)}`);
  }
}

function beginningGone(how: string): Unavailable {
  return new Unavailable(
    `The log does not hold all of this conversation: ${how}. What retention removed is in the archive.`,
  );
}

function isUpTo(version: number): (event: RecordedEvent) => boolean {
  return (event) => (event.version ?? 0) <= version;
}

function readable({ sequence, payload }: CommitRecord): RecordedEvent[] {
  try {
    return decodeCommit(payload);
  } catch (error) {
    if (!(error instanceof CorruptCommit)) throw error;
    const why = printable(error.message);
    throw new Unavailable(
      `Commit ${sequence} cannot be read: ${why}. See parley show ${sequence}. ` +
        'If operators skipped it, say where the read model is: --postgres.',
    );
  }
}

function take(fold: PastFold, { sequence }: CommitRecord, events: RecordedEvent[]): void {
  try {
    fold.take(sequence, events);
  } catch (error) {
    if (!(error instanceof MissingVersions)) throw error;
    throw beginningGone(`at ${sequence} ${error.message}`);
  }
}
