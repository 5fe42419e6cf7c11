import { conversationSubject, decodeCommit, isKnown } from '@parley/contracts';
import type { EventLog, Logger } from '@parley/runtime';
import type { CommandRecord } from './domain/command-window.ts';
import { commandRecords } from './load-conversation.ts';
import type { ReadModelLookup } from './read-model-lookup.ts';

const PATIENCE_MS = 2_000;
const POLL_MS = 50;

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

  /** A command missing from the answer was never accepted. `unavailable` = that cannot be said now. */
  async find(
    conversationId: string,
    commandIds: string[],
    through: number,
  ): Promise<Map<string, CommandRecord> | 'unavailable'> {
    try {
      const sequences = await this.#sequences(conversationId, commandIds, through);
      return sequences === null ? 'unavailable' : await this.#read(conversationId, sequences);
    } catch (error) {
      this.#logger.warn({ err: error, conversationId }, 'old command ids cannot be looked up');
      return 'unavailable';
    }
  }

  async #sequences(
    conversationId: string,
    ids: string[],
    through: number,
  ): Promise<Map<string, number> | null> {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const seen = await this.#lookup.seenCommands(conversationSubject(conversationId), ids);
      if (seen.through >= through || seen.sequences.size === ids.length) return seen.sequences;
      if (Date.now() > deadline) return null;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  async #read(conversationId: string, sequences: Map<string, number>): Promise<Map<string, CommandRecord>> {
    const found = new Map<string, CommandRecord>();
    for (const [commandId, sequence] of sequences) {
      const record = await this.#log.at(sequence);
      if (!record) throw new Error(`the read model names sequence ${sequence}, which the log does not hold`);
      const events = decodeCommit(record.payload).filter(isKnown);
      for (const made of commandRecords(conversationId, events, sequence)) {
        if (made.commandId === commandId) found.set(commandId, made);
      }
    }
    return found;
  }
}
