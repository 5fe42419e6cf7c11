import { LRUCache } from 'lru-cache';

const REMEMBERED_CURSORS = 100_000;

/** One user's cursors in a conversation, in one of its threads, or as its audience. */
export interface Place {
  conversationId: string;
  userId: string;
  threadOrdinal?: number | undefined;
  audience?: boolean | undefined;
}

export interface Held {
  read: number;
  /** As the others may see it. */
  receipt: number;
  delivered: number;
  /** Of the commit that moved it last, as far as this process knows. */
  sequence: number;
  /** The read model was asked too: what this process wrote itself may be less than what an earlier one did. */
  asked: boolean;
  /** Version of the newest lowering that this takes into account. */
  lowered: number;
}

type Learnt = Partial<Omit<Held, 'lowered'>> & {
  /** Version of the conversation at which this was so. */
  version: number;
};

const NOTHING: Held = { read: 0, receipt: 0, delivered: 0, sequence: 0, asked: false, lowered: 0 };

/**
 * The highest cursors this process knows of, for no-ops. A higher one written elsewhere since only makes a commit
 * needless; a lower one would swallow a command. Cursors only rise but for lowerings, which the conversation orders:
 * whatever was learnt before the newest of them does not count.
 */
export class HeldCursors {
  readonly #held = new LRUCache<string, Held>({ max: REMEMBERED_CURSORS });

  /** `lowered`: the newest lowering that the conversation knows of. */
  at(place: Place, lowered?: { ordinal: number; version: number }): Held {
    const known = this.#held.get(keyOf(place)) ?? NOTHING;
    if (!lowered || lowered.version <= known.lowered) return known;
    const { ordinal, version } = lowered;
    // What others were shown they have seen: the receipt stays.
    const { sequence, delivered, receipt } = known;
    const fresh = { read: ordinal, receipt, delivered, sequence, asked: false, lowered: version };
    this.#held.set(keyOf(place), fresh);
    return fresh;
  }

  learn(place: Place, learnt: Learnt): void {
    const known = this.#held.get(keyOf(place)) ?? NOTHING;
    if (learnt.version < known.lowered) return;
    const { read = 0, receipt = 0, delivered = 0, sequence = 0, asked = false } = learnt;
    const rises = read > known.read || receipt > known.receipt || delivered > known.delivered;
    this.#held.set(keyOf(place), {
      read: Math.max(known.read, read),
      receipt: Math.max(known.receipt, receipt),
      delivered: Math.max(known.delivered, delivered),
      sequence: rises ? Math.max(sequence, known.sequence) : known.sequence,
      asked: asked || known.asked,
      lowered: known.lowered,
    });
  }
}

function keyOf({ conversationId, userId, threadOrdinal, audience }: Place): string {
  return `${conversationId}${audience ? 'a' : ''}${threadOrdinal ?? ''} ${userId}`;
}
