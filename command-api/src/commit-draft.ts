import { dataschemaOf, type LogEvent, MAX_COMMIT_BYTES, MAX_EVENTS_PER_COMMIT } from '@parley/contracts';
import { uuidv7 } from 'uuidv7';
import type { NewEvent } from './domain/decider.ts';
import type { Candidate } from './domain/plan-commit.ts';

/**
 * The bytes of a commit as they come about. An event is encoded once, while planning, because the commit's size decides
 * how many commands it takes.
 */
export class CommitDraft {
  readonly #subject: string;
  readonly #time: string;
  readonly #texts: string[] = [];
  #bytes = 2;

  /** `subject`: the aggregate's name in its events; `at`: milliseconds since 1970. */
  constructor(subject: string, at: number) {
    this.#subject = subject;
    this.#time = new Date(at).toISOString();
  }

  envelop(event: NewEvent, version: number, { command, hash, correlationId }: Candidate): LogEvent {
    return {
      specversion: '1.0',
      id: uuidv7(),
      source: '/parley',
      type: event.type,
      subject: this.#subject,
      time: this.#time,
      dataschema: dataschemaOf(event.type),
      version,
      actor: command.actor,
      commandid: command.id,
      commandhash: hash,
      correlationid: correlationId,
      data: event.data,
    } as LogEvent;
  }

  /** Takes the events in; false when they would make the commit too large and it is not empty. */
  take(events: LogEvent[], isFirst: boolean): boolean {
    const encoded = events.map((event) => JSON.stringify(event));
    const bytes = encoded.reduce((sum, text) => sum + Buffer.byteLength(text) + 1, this.#bytes);
    const full = bytes > MAX_COMMIT_BYTES || this.#texts.length + encoded.length > MAX_EVENTS_PER_COMMIT;
    if (full && !isFirst) return false;
    this.#texts.push(...encoded);
    this.#bytes = bytes;
    return true;
  }

  payload(): Buffer {
    return Buffer.from(`[${this.#texts.join(',')}]`);
  }
}
