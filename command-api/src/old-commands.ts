import { decodeCommit } from '@parley/contracts';
import type { EventLog, Logger } from '@parley/runtime';
import type { Aggregate } from './domain/aggregate.ts';
import type { CommandRecord } from './domain/command-window.ts';
import { commandRecords } from './load-aggregate.ts';
import type { ReadModelLookup, SeenCommands } from './read-model-lookup.ts';
import { within } from './within.ts';

const PATIENCE_MS = 2_000;
const FIRST_POLL_MS = 25;
const SLOWEST_POLL_MS = 400;

type Found = CommandRecord | 'removed' | 'unavailable';

/** Whose commands are asked for. */
type Owner = Pick<Aggregate<unknown>, 'subject' | 'owns' | 'resultOf'>;

/** Answers of commands that left the window: the read model knows where they are, the log what they were. */
export class OldCommands {
  readonly #lookup: ReadModelLookup;
  readonly #log: EventLog;
  readonly #logger: Logger;

  constructor(lookup: ReadModelLookup, log: EventLog, logger: Logger) {
    this.#lookup = lookup;
    this.#log = log;
    this.#logger = logger;
  }

  /**
   * What became of each command id up to the sequence `through`: its record, `removed` when retention has taken its answer,
   * `unavailable` when that cannot be said now, and nothing when it was never accepted. Never rejects.
   */
  async find(aggregate: Owner, commandIds: readonly string[], through: number): Promise<Map<string, Found>> {
    const ids = [...new Set(commandIds)];
    const seen = await within(2 * PATIENCE_MS, this.#seen(aggregate.subject, ids, through));
    const found = new Map<string, Found>();
    await Promise.all(
      ids.map(async (id) => {
        const sequence = seen?.sequences.get(id);
        if (sequence !== undefined) found.set(id, await this.#record(aggregate, id, sequence));
        else if (!seen || seen.through < through) found.set(id, 'unavailable');
      }),
    );
    return found;
  }

  /** Waits a while for the read model to pass `through`, unless it knows every id already. */
  async #seen(subject: string, ids: string[], through: number): Promise<SeenCommands | null> {
    const deadline = Date.now() + PATIENCE_MS;
    try {
      for (let pause = FIRST_POLL_MS; ; pause = Math.min(2 * pause, SLOWEST_POLL_MS)) {
        const seen = await this.#lookup.seenCommands(subject, ids);
        if (seen.through >= through || seen.sequences.size === ids.length || Date.now() > deadline)
          return seen;
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    } catch (error) {
      this.#logger.warn({ err: error, subject }, 'old command ids cannot be looked up');
      return null;
    }
  }

  async #record(aggregate: Owner, commandId: string, sequence: number): Promise<Found> {
    try {
      const stored = await this.#log.at(sequence);
      if (!stored && sequence < (await this.#log.bounds()).first) return 'removed';
      const events = stored ? decodeCommit(stored.payload).filter(aggregate.owns) : [];
      const record = commandRecords(aggregate, events, sequence).find((made) => made.commandId === commandId);
      if (record) return record;
      // Not "never accepted": one of the two is not what it was, and deciding again could double the command.
      this.#logger.error(
        { subject: aggregate.subject, commandId, sequence },
        'the read model names a commit that does not hold it',
      );
    } catch (error) {
      this.#logger.warn(
        { err: error, subject: aggregate.subject, commandId },
        'an old command cannot be read',
      );
    }
    return 'unavailable';
  }
}
