import type { EventLog } from '@parley/runtime';
import { findMessage } from './find-message.ts';
import type { OldCommands } from './old-commands.ts';
import { type Asked, openQuestion, type Question, type Waiting } from './open-question.ts';
import type { ReadModelLookup } from './read-model-lookup.ts';

type Pair = readonly [string, string];

/**
 * Finds what commands need to know beyond the state: whether an old key was used before, the facts of old messages, and
 * whether one of two users has blocked the other.
 */
export class Lookups {
  readonly #oldCommands: OldCommands;
  readonly #lookup: ReadModelLookup;
  readonly #log: EventLog;
  readonly #blockBetween: (pair: Pair) => Promise<boolean>;

  constructor(
    oldCommands: OldCommands,
    lookup: ReadModelLookup,
    log: EventLog,
    blockBetween: (pair: Pair) => Promise<boolean>,
  ) {
    this.#oldCommands = oldCommands;
    this.#lookup = lookup;
    this.#log = log;
    this.#blockBetween = blockBetween;
  }

  /** Closes the open questions of commands. Resolves to those it has answered itself, because nobody can tell now. */
  async close<State>(asked: readonly Waiting[], { aggregate, state, window, sequence }: AskedAt<State>) {
    // The aggregate goes on while the answers are sought: this is what it was when the questions came up.
    const asOf = { aggregate, state, window, sequence, forgottenThrough: window.forgottenThrough };
    const given = new Set<Waiting>();
    const withQuestion = (question: Question) =>
      asked.filter((waiting) => !given.has(waiting) && openQuestion(waiting, asOf) === question);
    const withKey = withQuestion('key');
    if (withKey.length > 0) await this.#askForKeys(withKey, asOf, given);
    const settling = (work: (waiting: Waiting) => Promise<void>) => (waiting: Waiting) =>
      work(waiting).catch((error: unknown) => {
        given.add(waiting);
        waiting.fail(error);
      });
    await Promise.all(withQuestion('messages').map(settling((each) => this.#askForMessages(each, asOf))));
    await Promise.all(withQuestion('blocked').map(settling((each) => this.#askForBlocks(each, asOf))));
    return given;
  }

  async #askForKeys<State>(
    asked: readonly Waiting[],
    { aggregate, sequence, forgottenThrough }: AsOf<State>,
    given: Set<Waiting>,
  ): Promise<void> {
    const ids = asked.map(({ command }) => command.id);
    const found = await this.#oldCommands.find(aggregate, ids, forgottenThrough);
    for (const waiting of asked) {
      const old = found.get(waiting.command.id);
      if (old === undefined) waiting.keyNewThrough = sequence;
      else if (old === 'removed') {
        const detail = 'This key was accepted long ago; its answer is no longer kept.';
        given.add(waiting);
        waiting.settle({ kind: 'rejected', code: 'idempotency-conflict', extras: { detail } });
      } else if (old !== 'unavailable') waiting.old = old;
      else {
        const extras = { detail: 'This key is old and the read model cannot tell yet.', retryAfterMs: 1_000 };
        given.add(waiting);
        waiting.settle({ kind: 'rejected', code: 'unavailable', extras });
      }
    }
  }

  async #askForMessages<State>(waiting: Waiting, asOf: AsOf<State>): Promise<void> {
    const { command, facts } = waiting;
    const { aggregate, forgottenThrough } = asOf;
    const conversationId = 'conversationId' in command.data ? command.data.conversationId : undefined;
    if (conversationId === undefined) return;
    const references = aggregate.references(command).filter(({ as }) => typeof facts[as] !== 'object');
    await Promise.all(
      references.map(async ({ as, messageId, sequence }) => {
        const question = { aggregate, conversationId, messageId, sequence, forgottenThrough };
        const fact = await findMessage(question, this.#log, this.#lookup);
        if (fact) facts[as] = fact;
      }),
    );
    waiting.messagesMissingThrough = asOf.sequence;
  }

  async #askForBlocks<State>({ command, facts }: Waiting, { aggregate, state }: AsOf<State>): Promise<void> {
    const pair = aggregate.pair(state, command);
    if (pair) facts.blocked = await this.#blockBetween(pair);
  }
}

type AskedAt<State> = Asked<State> & { sequence: number };
/** `forgottenThrough` is kept apart: the window itself is advanced in place. */
type AsOf<State> = AskedAt<State> & { forgottenThrough: number };
