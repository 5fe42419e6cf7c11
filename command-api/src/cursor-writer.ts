import { dataschemaOf, type EventOf, readsSubject } from '@parley/contracts';
import type { EventLog } from '@parley/runtime';
import { LRUCache } from 'lru-cache';
import { uuidv7 } from 'uuidv7';
import { endOfTurn } from './end-of-turn.ts';
import type { CommandMetrics } from './metrics.ts';

const MOST_ENTRIES = 500;
const MOST_WAITING = 50_000;
const REMEMBERED_CURSORS = 100_000;

export interface Cursor {
  conversationId: string;
  userId: string;
  readOrdinal: number;
}

interface Held {
  ordinal: number;
  sequence: number;
  /** The read model was asked too: what this process wrote itself may be less than what an earlier one did. */
  asked: boolean;
}

interface Waiting extends Cursor {
  settle(sequence: number): void;
  fail(error: unknown): void;
}

/**
 * Read cursors merge by maximum, so they need no expected version and one commit carries those of a whole partition:
 * while one append is in flight the next collects, one entry for each user and conversation.
 */
export class CursorWriter {
  readonly #log: EventLog;
  readonly #metrics: CommandMetrics;
  readonly #now: () => number;
  readonly #waiting = new Map<string, Waiting[]>();
  readonly #held = new LRUCache<string, Held>({ max: REMEMBERED_CURSORS });
  #count = 0;

  constructor(log: EventLog, metrics: CommandMetrics, now: () => number) {
    this.#log = log;
    this.#metrics = metrics;
    this.#now = now;
  }

  /** The highest cursor this process knows of. A higher one written elsewhere since only makes a commit needless. */
  held(conversationId: string, userId: string): Held | undefined {
    return this.#held.get(key(conversationId, userId));
  }

  remember(conversationId: string, userId: string, learnt: Partial<Held>): void {
    const known = this.held(conversationId, userId) ?? { ordinal: 0, sequence: 0, asked: false };
    const { ordinal = 0, sequence = 0, asked = false } = learnt;
    const higher = ordinal > known.ordinal ? { ordinal, sequence } : known;
    this.#held.set(key(conversationId, userId), {
      ordinal: higher.ordinal,
      sequence: higher.sequence,
      asked: asked || known.asked,
    });
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
        waiting.push({ ...cursor, settle, fail });
        return;
      }
      this.#waiting.set(subject, [{ ...cursor, settle, fail }]);
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

  async #append(subject: string, batch: Cursor[]): Promise<number> {
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
    for (const { conversationId, userId, readOrdinal } of cursors) {
      this.remember(conversationId, userId, { ordinal: readOrdinal, sequence: outcome.sequence });
    }
    this.#metrics.cursorsPerCommit.observe(cursors.length);
    return outcome.sequence;
  }
}

const key = (conversationId: string, userId: string): string => `${conversationId} ${userId}`;

function highest(batch: Cursor[]): Cursor[] {
  const byUser = new Map<string, Cursor>();
  for (const { conversationId, userId, readOrdinal } of batch) {
    const known = byUser.get(key(conversationId, userId));
    if (!known || known.readOrdinal < readOrdinal) {
      byUser.set(key(conversationId, userId), { conversationId, userId, readOrdinal });
    }
  }
  return [...byUser.values()];
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
