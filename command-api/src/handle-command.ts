import {
  type Command,
  type CommandAccepted,
  type CommandType,
  commandSchemas,
  formatPosition,
  isCommandType,
  SERVICE_SCOPE,
  serviceCommands,
  timeOfUuidv7,
} from '@parley/contracts';
import { type Principal, ProblemError, parse, toProblem } from '@parley/runtime';
import type { z } from 'zod';
import type { WriterContext } from './aggregate-writer.ts';
import type { Answer } from './answer.ts';
import { CLOCK_SKEW_MS } from './domain/command-window.ts';
import type { CommandExecutor, Order } from './execute-command.ts';
import { requestHash } from './request-hash.ts';

export interface CommandRequest {
  type: string;
  key: string;
  data: unknown;
  principal: Pick<Principal, 'userId' | 'segments' | 'scopes'>;
  requestId: string;
  /** Where faults are reported: an item of a batch is named by its index. */
  at?: string;
}

/** Takes a command from a request to its answer; throws ProblemError for everything a client must be told. */
export class CommandHandler {
  readonly #context: Pick<WriterContext, 'log' | 'metrics' | 'now'>;
  readonly #executor: CommandExecutor;

  constructor(context: Pick<WriterContext, 'log' | 'metrics' | 'now'>, executor: CommandExecutor) {
    this.#context = context;
    this.#executor = executor;
  }

  /** Runs up to the queue of the conversation before it returns, so commands of one request are queued in call order. */
  async handle(request: CommandRequest): Promise<CommandAccepted> {
    const order = this.#read(request);
    const answer = await this.#execute(order);
    if (answer.kind === 'rejected') throw new ProblemError(answer.code, answer.extras);
    const { sequence, version, result, replayed } = answer;
    const position = formatPosition(this.#context.log.epoch, sequence);
    return {
      commandId: order.command.id,
      position,
      version,
      result: result as CommandAccepted['result'],
      replayed,
    };
  }

  #read({ type, key, data, principal, requestId, at }: CommandRequest): Order {
    const path = (name: string): string => (at === undefined ? name : `${at}.${name}`);
    if (!isCommandType(type)) throw invalid(path('type'), `unknown command type; known: ${KNOWN_TYPES}`);
    checkScope(type, principal.scopes);
    const now = this.#context.now();
    if (timeOfUuidv7(key) > now + CLOCK_SKEW_MS) {
      throw invalid(
        at === undefined ? 'headers.idempotency-key' : path('key'),
        'its time is ahead of the server',
      );
    }
    const schema: z.ZodType<unknown> = commandSchemas[type].data;
    const parsed = parse(schema, data, at === undefined ? undefined : path('data'));
    const { userId: actor, segments } = principal;
    const command = { type, id: key, actor, segments, at: now, data: parsed } as Command;
    return { command, hash: requestHash(type, actor, data), correlationId: requestId };
  }

  async #execute(order: Order): Promise<Answer> {
    const { commands } = this.#context.metrics;
    const { type } = order.command;
    try {
      const answer = await this.#executor.execute(order);
      const outcome = answer.kind === 'rejected' ? answer.code : answer.replayed ? 'replayed' : 'accepted';
      commands.inc({ type, outcome });
      return answer;
    } catch (error) {
      commands.inc({ type, outcome: toProblem(error).code });
      throw error;
    }
  }
}

const KNOWN_TYPES = Object.keys(commandSchemas).join(', ');

function checkScope(type: CommandType, scopes: readonly string[]): void {
  if (!serviceCommands.has(type) || scopes.includes(SERVICE_SCOPE)) return;
  throw new ProblemError('insufficient-scope', { detail: `This needs the scope ${SERVICE_SCOPE}.` });
}

function invalid(path: string, message: string): ProblemError {
  return new ProblemError('invalid-request', { errors: [{ path, message }] });
}
