import { timeOfUuidv7 } from '@parley/contracts';
import { ForgottenIds } from './forgotten-ids.ts';

/** What a retry of an accepted command is answered with. */
export interface CommandRecord {
  commandId: string;
  actor: string;
  /** Hash of the request: the same key with another request is a fault of the client. */
  hash: string;
  sequence: number;
  version: number;
  result: unknown;
  /** Of the thread's root, when the command sent a reply in one. */
  threadOrdinal?: number;
  /** When the event was made, milliseconds since 1970. */
  at: number;
}

type Mark = Pick<CommandRecord, 'at' | 'sequence'>;

/** At least this many newest commands of an aggregate are remembered, and this many go into a snapshot. */
export const SNAPSHOT_WINDOW = 1_024;
/** A busy conversation remembers more, so that a fresh key seldom needs a lookup: all of the last two minutes… */
export const REMEMBER_MS = 120_000;
/** …up to this weight (about 10 MB); of more than that it still remembers which ids they were. */
export const LARGEST_WINDOW = 32_768;
/** How far a client's clock may be off; keys from further ahead are refused at the door. */
export const CLOCK_SKEW_MS = 60_000;
/** What a snapshot takes of them, by weight: it must fit one message. */
const SNAPSHOT_WEIGHT = 4_096;
/** A filter of forgotten ids, in records. */
const FILTER_WEIGHT = 1_800;

/**
 * The newest commands of one aggregate. An append only succeeds on the newest version, so whoever appends has seen
 * every earlier command: a key found here is a retry, and a key too young to have left the window is new.
 */
export class CommandWindow {
  readonly #byId = new Map<string, CommandRecord>();
  /**
   * The same records in log order, from `#oldest` on. A Map keeps that order too, but reaching its first entry behind
   * thousands of deleted ones cost 10 µs a command.
   */
  #order: CommandRecord[];
  #oldest = 0;
  /** Of the records here: one and the user ids in its answer. */
  #held = 0;
  /** Newest command that left the window. */
  #forgotten: Mark;
  /** Newest command of which not even the id is known any more. */
  #lost: Mark;
  /** Ids that left while young, newest filter first. */
  #filters: { ids: ForgottenIds; newest: Mark }[] = [];

  constructor(records: CommandRecord[] = [], forgotten: Mark = { at: 0, sequence: 0 }) {
    this.#order = [...records];
    for (const record of records) {
      this.#byId.set(record.commandId, record);
      this.#held += weightOf(record);
    }
    this.#forgotten = forgotten;
    this.#lost = forgotten;
  }

  get(commandId: string): CommandRecord | undefined {
    return this.#byId.get(commandId);
  }

  get size(): number {
    return this.#byId.size;
  }

  /** Memory this takes, counted in records. */
  get weight(): number {
    return this.#held + this.#filters.length * FILTER_WEIGHT;
  }

  /** Sequence that the read model must have passed before its "never seen" counts. */
  get forgottenThrough(): number {
    return this.#forgotten.sequence;
  }

  /** Records arrive in log order and their times never go back. The first event of a command is its record. */
  add(record: CommandRecord): void {
    if (this.#byId.has(record.commandId)) return;
    this.#byId.set(record.commandId, record);
    this.#order.push(record);
    this.#held += weightOf(record);
    for (;;) {
      const oldest = this.#order[this.#oldest];
      const heavy = this.#held > LARGEST_WINDOW;
      if (!oldest || this.size === 1 || (!heavy && this.size <= SNAPSHOT_WINDOW)) return;
      const old = oldest.at < record.at - REMEMBER_MS;
      if (!old && !heavy) return;
      this.#forget(oldest, old);
    }
  }

  #forget(record: CommandRecord, old: boolean): void {
    this.#byId.delete(record.commandId);
    this.#held -= weightOf(record);
    this.#oldest++;
    if (this.#oldest > this.size) {
      this.#order = this.#order.slice(this.#oldest);
      this.#oldest = 0;
    }
    this.#forgotten = { at: record.at, sequence: record.sequence };
    if (old) {
      this.#lost = this.#forgotten;
      this.#filters = [];
      return;
    }
    if (this.#filters[0]?.ids.isFull !== false) {
      this.#filters.unshift({ ids: new ForgottenIds(), newest: this.#forgotten });
      if (this.#filters.length > 2) this.#lost = this.#filters.pop()?.newest ?? this.#lost;
    }
    const [current] = this.#filters;
    current?.ids.add(record.commandId);
    if (current) current.newest = this.#forgotten;
  }

  /** Whether a key that is not here may be one that was forgotten. Its time is the client's, hence the skew. */
  mayHaveForgotten(commandId: string): boolean {
    const earliest = timeOfUuidv7(commandId) - CLOCK_SKEW_MS;
    if (this.#forgotten.sequence === 0 || earliest > this.#forgotten.at) return false;
    return earliest <= this.#lost.at || this.#filters.some(({ ids }) => ids.has(commandId));
  }

  /** The newest records and what the rest amounts to, for a snapshot. */
  newest(): { records: CommandRecord[]; forgotten: Mark } {
    let cut = this.#order.length;
    for (let weight = 0; cut > this.#oldest && this.#order.length - cut < SNAPSHOT_WINDOW; cut--) {
      weight += weightOf(this.#order[cut - 1]);
      if (weight > SNAPSHOT_WEIGHT) break;
    }
    const last = cut > this.#oldest ? this.#order[cut - 1] : undefined;
    const { at, sequence } = last ?? this.#forgotten;
    return { records: this.#order.slice(cut), forgotten: { at, sequence } };
  }
}

/** An answer may name a thousand users: it weighs as much as that many small ones. */
function weightOf(record: CommandRecord | undefined): number {
  const { added, removed, invited } = (record?.result ?? {}) as Record<string, string[] | undefined>;
  return 1 + (added?.length ?? 0) + (removed?.length ?? 0) + (invited?.length ?? 0);
}
