import { dataschemaOf, type EventData, type EventOf, readsSubject } from '@parley/contracts';
import type { EventLog } from '@parley/runtime';
import { uuidv7 } from 'uuidv7';
import { endOfTurn } from './end-of-turn.ts';
import type { CommandMetrics } from './metrics.ts';

const MOST_ENTRIES = 500;
const MOST_WAITING = 50_000;

/** What a cursor command moves, as the log stores it. */
export type Cursor = Omit<EventData<'cursors.advanced'>['entries'][number], 'at'>;

interface Waiting {
  cursor: Cursor;
  settle(sequence: number): void;
  fail(error: unknown): void;
}

/**
 * Cursors merge by maximum, so they need no expected version and one commit carries those of a whole partition: while
 * one append is in flight the next collects, one entry for each cursor that it moves.
 */
export class CursorWriter {
  readonly #log: EventLog;
  readonly #metrics: CommandMetrics;
  readonly #now: () => number;
  readonly #waiting = new Map<string, Waiting[]>();
  #count = 0;

  constructor(log: EventLog, metrics: CommandMetrics, now: () => number) {
    this.#log = log;
    this.#metrics = metrics;
    this.#now = now;
  }

  get isFull(): boolean {
    return this.#count >= MOST_WAITING;
  }

  /** Sequence of the commit that holds the cursor. Rejects when the log is away; moving it again is harmless. */
  advance(cursor: Cursor): Promise<number> {
    const subject = readsSubject(cursor.conversationId);
    return new Promise((settle, fail) => {
      const waiting = this.#waiting.get(subject);
      this.#count++;
      if (waiting) {
        waiting.push({ cursor, settle, fail });
        return;
      }
      this.#waiting.set(subject, [{ cursor, settle, fail }]);
      void this.#run(subject);
    });
  }

  async #run(subject: string): Promise<void> {
    await endOfTurn();
    for (;;) {
      const waiting = this.#waiting.get(subject) ?? [];
      if (waiting.length === 0) {
        this.#waiting.delete(subject);
        return;
      }
      const batch = waiting.splice(0, MOST_ENTRIES);
      this.#count -= batch.length;
      try {
        const sequence = await this.#append(subject, batch);
        for (const { settle } of batch) settle(sequence);
      } catch (error) {
        for (const { fail } of batch) fail(error);
      }
    }
  }

  async #append(subject: string, batch: Waiting[]): Promise<number> {
    const cursors = highest(batch);
    const event = cursorEvent(subject, cursors, new Date(this.#now()).toISOString());
    const payload = Buffer.from(JSON.stringify([event]));
    const outcome = await this.#log.append({
      subject,
      commitId: event.id,
      payload,
      expectedLastSequence: 'any',
    });
    if (outcome.kind === 'conflict') throw new Error('a subject without expectations cannot conflict');
    this.#metrics.cursorsPerCommit.observe(cursors.length);
    return outcome.sequence;
  }
}

/**
 * One entry for each user, conversation and thread. Private reading stays an entry of its own: it moves less than
 * public reading does, and the two may be at different places.
 */
function highest(batch: Waiting[]): Cursor[] {
  const merged = new Map<string, Cursor>();
  for (const { cursor } of batch) {
    const { conversationId, userId, threadOrdinal, audience } = cursor;
    const key = `${conversationId}${cursor.private ? 'p' : ''}${audience ? 'a' : ''}${threadOrdinal ?? ''} ${userId}`;
    const known = merged.get(key);
    merged.set(key, known ? higher(known, cursor) : cursor);
  }
  return [...merged.values()];
}

function higher(one: Cursor, other: Cursor): Cursor {
  const readOrdinal = Math.max(one.readOrdinal ?? 0, other.readOrdinal ?? 0);
  const deliveredOrdinal = Math.max(one.deliveredOrdinal ?? 0, other.deliveredOrdinal ?? 0);
  return {
    ...one,
    ...(readOrdinal > 0 && { readOrdinal }),
    ...(deliveredOrdinal > 0 && { deliveredOrdinal }),
  };
}

function cursorEvent(subject: string, cursors: Cursor[], time: string): EventOf<'cursors.advanced'> {
  return {
    specversion: '1.0',
    id: uuidv7(),
    source: '/parley',
    type: 'cursors.advanced',
    subject: `reads/${subject.split('.')[1]}`,
    time,
    dataschema: dataschemaOf('cursors.advanced'),
    actor: 'parley',
    data: { entries: cursors.map((cursor) => ({ ...cursor, at: time })) },
  };
}
