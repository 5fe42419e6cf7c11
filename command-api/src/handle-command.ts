import {
  type Command,
  type CommandAccepted,
  commandSchemas,
  formatPosition,
  isCommandType,
  timeOfUuidv7,
} from '@parley/contracts';
import { ProblemError, parse, toProblem } from '@parley/runtime';
import type { z } from 'zod';
import type { Answer } from './answer.ts';
import type { WriterContext } from './conversation-writer.ts';
import type { ConversationWriters } from './conversation-writers.ts';
import type { CursorWriter } from './cursor-writer.ts';
import { CLOCK_SKEW_MS } from './domain/command-window.ts';
import { conversationOf } from './domain/conversation.ts';
import type { Candidate } from './domain/plan-commit.ts';
import type { ReadModelLookup } from './read-model-lookup.ts';
import { requestHash } from './request-hash.ts';
import { within } from './within.ts';

/** A cursor that cannot be looked up in this time is written: at worst a commit that moves nothing. */
const CURSOR_LOOKUP_MS = 300;

export interface CommandRequest {
  type: string;
  key: string;
  data: unknown;
  actor: string;
  requestId: string;
  /** Where faults are reported: an item of a batch is named by its index. */
  at?: string;
}

/** Takes a command from a request to its answer; throws ProblemError for everything a client must be told. */
export class CommandHandler {
  readonly #context: WriterContext;
  readonly #writers: ConversationWriters;
  readonly #cursors: CursorWriter;
  readonly #lookup: ReadModelLookup;

  constructor(
    context: WriterContext,
    writers: ConversationWriters,
    cursors: CursorWriter,
    lookup: ReadModelLookup,
  ) {
    this.#context = context;
    this.#writers = writers;
    this.#cursors = cursors;
    this.#lookup = lookup;
  }

  /** Runs up to the queue of the conversation before it returns, so commands of one request are queued in call order. */
  async handle(request: CommandRequest): Promise<CommandAccepted> {
    const candidate = this.#read(request);
    const answer = await this.#execute(candidate);
    if (answer.kind === 'rejected') throw new ProblemError(answer.code, answer.extras);
    const { sequence, version, result, replayed } = answer;
    const position = formatPosition(this.#context.log.epoch, sequence);
    return {
      commandId: candidate.command.id,
      position,
      version,
      result: result as CommandAccepted['result'],
      replayed,
    };
  }

  #read({ type, key, data, actor, requestId, at }: CommandRequest): Candidate {
    const path = (name: string): string => (at === undefined ? name : `${at}.${name}`);
    if (!isCommandType(type)) throw invalid(path('type'), `unknown command type; known: ${KNOWN_TYPES}`);
    const now = this.#context.now();
    if (timeOfUuidv7(key) > now + CLOCK_SKEW_MS) {
      throw invalid(
        at === undefined ? 'headers.idempotency-key' : path('key'),
        'its time is ahead of the server',
      );
    }
    const schema: z.ZodType<unknown> = commandSchemas[type].data;
    const parsed = parse(schema, data, at === undefined ? undefined : path('data'));
    const command = { type, id: key, actor, at: now, data: parsed } as Command;
    return { command, hash: requestHash(type, actor, data), correlationId: requestId };
  }

  async #execute(candidate: Candidate): Promise<Answer> {
    const { commands } = this.#context.metrics;
    const { type } = candidate.command;
    try {
      const answer = await this.#answer(candidate);
      const outcome = answer.kind === 'rejected' ? answer.code : answer.replayed ? 'replayed' : 'accepted';
      commands.inc({ type, outcome });
      return answer;
    } catch (error) {
      commands.inc({ type, outcome: toProblem(error).code });
      throw error;
    }
  }

  async #answer(candidate: Candidate): Promise<Answer> {
    const { command } = candidate;
    const answer = await this.#writers.submit(conversationOf(command), candidate);
    if (answer.kind === 'rejected') return answer;
    if (command.type === 'messages.read') return this.#advance(command, answer);
    if (command.type === 'message.send') this.#rememberOwn(command, answer);
    return answer;
  }

  /** The conversation has said that the cursor may be there; a cursor at or below the one that holds writes nothing. */
  async #advance(
    { actor: userId, data }: Extract<Command, { type: 'messages.read' }>,
    allowed: Extract<Answer, { kind: 'accepted' }>,
  ): Promise<Answer> {
    const { conversationId, ordinal } = data;
    const highest = await this.#highestCursor(conversationId, userId, ordinal);
    const answer = { kind: 'accepted', version: 0, replayed: false } as const;
    if (highest.ordinal >= ordinal) {
      const sequence = Math.max(highest.sequence, allowed.sequence);
      return { ...answer, sequence, result: { ordinal: highest.ordinal } };
    }
    if (this.#cursors.isFull)
      return { kind: 'rejected', code: 'overloaded', extras: { retryAfterMs: 1_000 } };
    const sequence = await this.#cursors.advance({ conversationId, userId, readOrdinal: ordinal });
    return { ...answer, sequence, result: { ordinal } };
  }

  /** What this process knows; the first time that it knows too little, what the read model holds as well. */
  async #highestCursor(conversationId: string, userId: string, wanted: number) {
    const held = this.#cursors.held(conversationId, userId);
    if (held && (held.asked || held.ordinal >= wanted)) return held;
    const projected = await within(CURSOR_LOOKUP_MS, this.#lookup.readOrdinal(conversationId, userId));
    if (projected !== null)
      this.#cursors.remember(conversationId, userId, { ordinal: projected, asked: true });
    return this.#cursors.held(conversationId, userId) ?? { ordinal: 0, sequence: 0 };
  }

  #rememberOwn(
    { actor, data }: Extract<Command, { type: 'message.send' }>,
    { result, sequence }: Extract<Answer, { kind: 'accepted' }>,
  ): void {
    const { ordinal } = result as { ordinal: number };
    this.#cursors.remember(data.conversationId, actor, { ordinal, sequence });
  }
}

const KNOWN_TYPES = Object.keys(commandSchemas).join(', ');

function invalid(path: string, message: string): ProblemError {
  return new ProblemError('invalid-request', { errors: [{ path, message }] });
}
