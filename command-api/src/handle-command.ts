import { hash } from 'node:crypto';
import {
  type Command,
  type CommandAccepted,
  commandSchemas,
  formatPosition,
  isCommandType,
  timeOfUuidv7,
} from '@parley/contracts';
import { ProblemError, parse } from '@parley/runtime';
import { LRUCache } from 'lru-cache';
import type { z } from 'zod';
import { type Answer, ConversationWriter, type WriterContext } from './conversation-writer.ts';
import type { CursorWriter } from './cursor-writer.ts';
import { CLOCK_SKEW_MS } from './domain/command-window.ts';
import { conversationOf, type MessageFact } from './domain/conversation.ts';
import { findMessage } from './find-message.ts';
import type { ReadModelLookup } from './read-model-lookup.ts';

/** Members and remembered commands over all cached conversations: about 300 MB when full. */
const CACHE_WEIGHT = 1_000_000;

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
  readonly #lookup: ReadModelLookup;
  readonly #cursors: CursorWriter;
  readonly #writers = new LRUCache<string, ConversationWriter>({
    maxSize: CACHE_WEIGHT,
    sizeCalculation: (writer) => writer.weight(),
  });

  constructor(context: WriterContext, lookup: ReadModelLookup, cursors: CursorWriter) {
    this.#context = context;
    this.#lookup = lookup;
    this.#cursors = cursors;
  }

  /** The command a request stands for. Synchronous, so that what arrives first is queued first. */
  read(request: CommandRequest): Command {
    const { type, key, actor, at } = request;
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
    const data = parse(schema, request.data, at === undefined ? undefined : path('data'));
    return { type, id: key, actor, at: now, data } as Command;
  }

  async execute(command: Command, requestId: string): Promise<CommandAccepted> {
    const answer = await this.#answer(command, requestId);
    const outcome = answer.kind === 'rejected' ? answer.code : answer.replayed ? 'replayed' : 'accepted';
    this.#context.metrics.commands.inc({ type: command.type, outcome });
    if (answer.kind === 'rejected') throw new ProblemError(answer.code, answer.extras);
    const { sequence, version, result, replayed } = answer;
    const position = formatPosition(this.#context.log.epoch, sequence);
    return {
      commandId: command.id,
      position,
      version,
      result: result as CommandAccepted['result'],
      replayed,
    };
  }

  async #answer(command: Command, correlationId: string): Promise<Answer> {
    const conversationId = conversationOf(command);
    const writer = this.#writer(conversationId);
    const candidate = { command, hash: requestHash(command), correlationId };
    if (command.type === 'message.edit' || command.type === 'message.delete') {
      const { messageId, sequence } = command.data;
      const findFact = (): Promise<MessageFact> =>
        findMessage(
          { conversationId, messageId, sequence },
          { log: this.#context.log, lookup: this.#lookup, writer },
        );
      return writer.submit({ ...candidate, fact: await findFact(), findFact });
    }
    const answer = await writer.submit(candidate);
    if (command.type === 'messages.read') return this.#advance(command, answer);
    if (command.type === 'message.send') this.#rememberOwn(command, answer);
    return answer;
  }

  /** The conversation has said that the cursor may be there; a cursor at or below the one that holds writes nothing. */
  async #advance(command: Extract<Command, { type: 'messages.read' }>, allowed: Answer): Promise<Answer> {
    if (allowed.kind === 'rejected') return allowed;
    const { conversationId, ordinal } = command.data;
    const userId = command.actor;
    const held = this.#cursors.held(conversationId, userId);
    const highest = held?.ordinal ?? (await this.#lookup.readOrdinal(conversationId, userId).catch(() => 0));
    const answer = { kind: 'accepted', version: 0, replayed: false } as const;
    if (highest >= ordinal) {
      return { ...answer, sequence: held?.sequence ?? allowed.sequence, result: { ordinal: highest } };
    }
    if (this.#cursors.isFull)
      return { kind: 'rejected', code: 'overloaded', extras: { retryAfterMs: 1_000 } };
    const sequence = await this.#cursors.advance({ conversationId, userId, readOrdinal: ordinal });
    return { ...answer, sequence, result: { ordinal } };
  }

  #rememberOwn(command: Extract<Command, { type: 'message.send' }>, answer: Answer): void {
    if (answer.kind === 'rejected') return;
    const { ordinal } = answer.result as { ordinal: number };
    this.#cursors.remember(command.data.conversationId, command.actor, {
      ordinal,
      sequence: answer.sequence,
    });
  }

  #writer(conversationId: string): ConversationWriter {
    const known = this.#writers.get(conversationId);
    if (known) return known;
    const writer = new ConversationWriter(conversationId, this.#context);
    this.#writers.set(conversationId, writer);
    return writer;
  }
}

const KNOWN_TYPES = Object.keys(commandSchemas).join(', ');

function invalid(path: string, message: string): ProblemError {
  return new ProblemError('invalid-request', { errors: [{ path, message }] });
}

/** Parsed data has the schema's key order and defaults, so equal requests have equal text. */
function requestHash({ type, actor, data }: Command): string {
  return hash('sha256', JSON.stringify([type, actor, data]), 'base64url').slice(0, 22);
}
