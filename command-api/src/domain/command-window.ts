import { timeOfUuidv7 } from '@parley/contracts';

/** What a retry of an accepted command is answered with. */
export interface CommandRecord {
  commandId: string;
  /** Hash of the request: the same key with another request is a fault of the client. */
  hash: string;
  sequence: number;
  version: number;
  result: unknown;
  /** When the event was made, milliseconds since 1970. */
  at: number;
}

/** At least this many newest commands of an aggregate are remembered, and this many go into a snapshot. */
export const SNAPSHOT_WINDOW = 1_024;
/** A busy conversation remembers more, so that a fresh key seldom needs a lookup: all of the last two minutes… */
const REMEMBER_MS = 120_000;
/** …up to this many (about 8 MB). */
const LARGEST_WINDOW = 32_768;
/** How far a client's clock may be off; keys from further ahead are refused at the door. */
export const CLOCK_SKEW_MS = 60_000;

/**
 * The newest commands of one aggregate. An append only succeeds on the newest version, so whoever appends has seen
 * every earlier command: a key found here is a retry, and a key too young to have left the window is new.
 */
export class CommandWindow {
  readonly #records: Map<string, CommandRecord>;
  /** Newest command that left the window; anything not younger than this may have been forgotten. */
  #forgotten: { at: number; sequence: number };

  constructor(records: CommandRecord[] = [], forgotten = { at: 0, sequence: 0 }) {
    this.#records = new Map(records.map((record) => [record.commandId, record]));
    this.#forgotten = forgotten;
  }

  get(commandId: string): CommandRecord | undefined {
    return this.#records.get(commandId);
  }

  get size(): number {
    return this.#records.size;
  }

  /** Sequence that the read model must have passed before its "never seen" counts. */
  get forgottenThrough(): number {
    return this.#forgotten.sequence;
  }

  /** Records arrive in log order. The first event of a command is its record. */
  add(record: CommandRecord): void {
    if (this.#records.has(record.commandId)) return;
    this.#records.set(record.commandId, record);
    for (const [commandId, oldest] of this.#records) {
      const old = oldest.at < record.at - REMEMBER_MS;
      if (this.#records.size <= SNAPSHOT_WINDOW || (!old && this.#records.size <= LARGEST_WINDOW)) return;
      this.#records.delete(commandId);
      this.#forgotten = oldest;
    }
  }

  /** Whether a key that is not here may be one that was forgotten. Its time is the client's, hence the skew. */
  mayHaveForgotten(commandId: string): boolean {
    return timeOfUuidv7(commandId) - CLOCK_SKEW_MS <= this.#forgotten.at;
  }

  /** The newest records and what the rest amounts to, for a snapshot. */
  newest(): { records: CommandRecord[]; forgotten: { at: number; sequence: number } } {
    const all = [...this.#records.values()];
    const cut = Math.max(0, all.length - SNAPSHOT_WINDOW);
    const last = all[cut - 1];
    return {
      records: all.slice(cut),
      forgotten: last ? { at: last.at, sequence: last.sequence } : { ...this.#forgotten },
    };
  }
}
