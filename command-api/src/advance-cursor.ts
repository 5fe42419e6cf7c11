import type { CommandOf } from '@parley/contracts';
import type { Accepted, Answer } from './answer.ts';
import type { Cursor, CursorWriter } from './cursor-writer.ts';
import { type Held, HeldCursors, type Place } from './held-cursors.ts';
import type { ReadModelLookup } from './read-model-lookup.ts';
import { within } from './within.ts';

/** A cursor that cannot be looked up in this time is written: at worst a commit that moves nothing. */
const LOOKUP_MS = 300;

export type CursorCommand = CommandOf<'messages.read'> | CommandOf<'messages.delivered'>;
/** Which cursor a command moves: delivery, one's own, or the one that the others see as well. */
type Moved = 'delivered' | 'read' | 'receipt';

/** Moves cursors that the conversation has allowed; one at or below what holds writes nothing. */
export class CursorAdvance {
  readonly #writer: CursorWriter;
  readonly #lookup: ReadModelLookup;
  readonly #held = new HeldCursors();

  constructor(writer: CursorWriter, lookup: ReadModelLookup) {
    this.#writer = writer;
    this.#lookup = lookup;
  }

  /** `allowed`: what the conversation answered to the command. The result is the cursor that holds. */
  async advance(command: CursorCommand, allowed: Accepted): Promise<Answer> {
    const { actor: userId, data } = command;
    const { conversationId, ordinal } = data;
    const { threadOrdinal, audience, private: isPrivate = false } = allowed.confirmed ?? {};
    const place: Place = { conversationId, userId, threadOrdinal, audience };
    const moved = movedBy(command, isPrivate);
    // Delivery is for the others alone: what they are never shown is not stored.
    if (moved === 'delivered' && isPrivate) return { ...allowed, version: 0 };
    const held = await this.#highest(place, { moved, ordinal }, allowed);
    const holds = moved === 'delivered' ? held.delivered : held.read;
    // After a lowering the receipt may be further than the cursor: both must be there.
    const reached = moved === 'receipt' ? Math.min(held.read, held.receipt) : held[moved];
    const answer = { kind: 'accepted', version: 0, replayed: false } as const;
    const result = { ordinal: Math.max(holds, ordinal) };
    if (reached >= ordinal) {
      return { ...answer, sequence: Math.max(held.sequence, allowed.sequence), result };
    }
    if (this.#writer.isFull) {
      return { kind: 'rejected', code: 'overloaded', extras: { retryAfterMs: 1_000 } };
    }
    const sequence = await this.#writer.advance(entry(place, moved, ordinal));
    this.#held.learn(place, { ...raised(moved, ordinal), sequence, version: allowed.version });
    return { ...answer, sequence, result };
  }

  /** Sending reads: without a commit of its own, so that the next `messages.read` up to there needs none either. */
  sent({ conversationId, userId }: Place, ordinal: number, { sequence, version }: Accepted): void {
    this.#held.learn({ conversationId, userId }, { ...raised('receipt', ordinal), sequence, version });
  }

  /** What this process knows; the first time that it knows too little, what the read model holds as well. */
  async #highest(
    place: Place,
    { moved, ordinal }: { moved: Moved; ordinal: number },
    { confirmed }: Accepted,
  ): Promise<Held> {
    const { conversationId, userId, threadOrdinal } = place;
    // Lowering is of the conversation's own cursor.
    const lowered = threadOrdinal === undefined ? confirmed?.lowered : undefined;
    const held = this.#held.at(place, lowered);
    if (held.asked || (held[moved] >= ordinal && held.read >= ordinal)) return held;
    const projected = await within(LOOKUP_MS, this.#lookup.cursors(conversationId, userId, place));
    if (projected !== null) this.#held.learn(place, { ...projected, asked: true });
    return this.#held.at(place, lowered);
  }
}

/** Nobody sees how far others have read a thread, so there private and public are one. */
function movedBy(command: CursorCommand, isPrivate: boolean): Moved {
  if (command.type === 'messages.delivered') return 'delivered';
  const { private: asked, threadId } = command.data;
  return isPrivate || asked || threadId !== undefined ? 'read' : 'receipt';
}

/** Reading in public implies reading and delivery; what one reads in private, delivery does not tell either. */
function raised(moved: Moved, ordinal: number): Partial<Held> {
  if (moved === 'delivered') return { delivered: ordinal };
  if (moved === 'read') return { read: ordinal };
  return { read: ordinal, delivered: ordinal, receipt: ordinal };
}

function entry(place: Place, moved: Moved, ordinal: number): Cursor {
  const { conversationId, userId, threadOrdinal, audience } = place;
  const isThread = threadOrdinal !== undefined;
  return {
    conversationId,
    userId,
    ...(moved === 'delivered' ? { deliveredOrdinal: ordinal } : { readOrdinal: ordinal }),
    ...(moved === 'read' && !isThread && { private: true }),
    ...(isThread && { threadOrdinal }),
    ...(audience && { audience }),
  };
}
