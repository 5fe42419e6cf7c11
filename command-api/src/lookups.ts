import type { EventLog } from '@parley/runtime';
import { findMessage } from './find-message.ts';
import type { LoadedConversation } from './load-conversation.ts';
import type { OldCommands } from './old-commands.ts';
import { openQuestion, type Waiting } from './open-question.ts';
import type { ReadModelLookup } from './read-model-lookup.ts';

/** Finds what commands need to know beyond the state: whether an old key was used before, and who wrote an old message. */
export class Lookups {
  readonly #oldCommands: OldCommands;
  readonly #lookup: ReadModelLookup;
  readonly #log: EventLog;

  constructor(oldCommands: OldCommands, lookup: ReadModelLookup, log: EventLog) {
    this.#oldCommands = oldCommands;
    this.#lookup = lookup;
    this.#log = log;
  }

  /** Closes the open questions of commands. Resolves to those it has answered itself, because nobody can tell now. */
  async close(
    conversationId: string,
    asked: readonly Waiting[],
    { window, sequence }: Pick<LoadedConversation, 'window' | 'sequence'>,
  ): Promise<Set<Waiting>> {
    const asOf = { sequence, forgottenThrough: window.forgottenThrough };
    const given = new Set<Waiting>();
    const withKey = asked.filter((waiting) => openQuestion(waiting, window) === 'key');
    if (withKey.length > 0) await this.#askForKeys(conversationId, withKey, asOf, given);
    const aboutMessage = asked.filter(
      (waiting) => !given.has(waiting) && openQuestion(waiting, window) === 'message',
    );
    await Promise.all(
      aboutMessage.map((waiting) =>
        this.#askForMessage(conversationId, waiting, asOf).catch((error: unknown) => {
          given.add(waiting);
          waiting.fail(error);
        }),
      ),
    );
    return given;
  }

  async #askForKeys(
    conversationId: string,
    asked: readonly Waiting[],
    asOf: AsOf,
    given: Set<Waiting>,
  ): Promise<void> {
    const ids = asked.map(({ command }) => command.id);
    const found = await this.#oldCommands.find(conversationId, ids, asOf.forgottenThrough);
    for (const waiting of asked) {
      const old = found.get(waiting.command.id);
      if (old === undefined) waiting.keyNewThrough = asOf.sequence;
      else if (old !== 'unavailable') waiting.old = old;
      else {
        const extras = { detail: 'This key is old and the read model cannot tell yet.', retryAfterMs: 1_000 };
        given.add(waiting);
        waiting.settle({ kind: 'rejected', code: 'unavailable', extras });
      }
    }
  }

  async #askForMessage(conversationId: string, waiting: Waiting, asOf: AsOf): Promise<void> {
    const { command } = waiting;
    if (command.type !== 'message.edit' && command.type !== 'message.delete') return;
    const { messageId, sequence } = command.data;
    const { forgottenThrough } = asOf;
    const question = { conversationId, messageId, sequence, forgottenThrough };
    const fact = await findMessage(question, this.#log, this.#lookup);
    if (fact) waiting.fact = fact;
    else waiting.messageMissingThrough = asOf.sequence;
  }
}

/** What the conversation was when the question came up; it goes on while the answer is sought. */
interface AsOf {
  sequence: number;
  forgottenThrough: number;
}
