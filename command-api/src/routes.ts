import { batchSchema, type CommandAccepted, commandIdSchema, HEADERS, type Problem } from '@parley/contracts';
import {
  type FastifyInstance,
  type FastifyRequest,
  ProblemError,
  parse,
  type RateLimiter,
  toProblem,
} from '@parley/runtime';
import type { CommandHandler } from './handle-command.ts';

const config = { access: 'user', limit: 'commands' } as const;

export function addCommandRoutes(
  app: FastifyInstance,
  handler: CommandHandler,
  rateLimiter: RateLimiter,
): void {
  app.post<{ Params: { type: string } }>('/v1/commands/:type', { config }, async (request, reply) => {
    const key = parse(
      commandIdSchema,
      request.headers[HEADERS.idempotencyKey],
      `headers.${HEADERS.idempotencyKey}`,
    );
    const accepted = await handler.handle({
      type: request.params.type,
      key,
      data: request.body,
      principal: request.principal,
      requestId: request.id,
    });
    reply.header(HEADERS.position, accepted.position);
    return accepted;
  });

  app.post('/v1/commands', { config }, async (request) => {
    const items = parse(batchSchema, request.body);
    // The route's own rule has taken one point; a batch costs as much as its commands one by one.
    if (items.length > 1) {
      const { userId } = request.principal;
      const { allowed, retryAfterMs } = await rateLimiter.consume('commands', userId, items.length - 1);
      if (!allowed) throw new ProblemError('rate-limited', { retryAfterMs });
    }
    const answers = items.map((item, index) => answerItem(handler, item, index, request));
    return { items: await Promise.all(answers) };
  });
}

type BatchItem = { key: string; type: string; data?: unknown };
type BatchAnswer = { status: 200; body: CommandAccepted } | { status: number; body: Problem };

/** Each item gets its own answer. Items of one conversation take effect in the order of the request. */
async function answerItem(
  handler: CommandHandler,
  { key, type, data }: BatchItem,
  index: number,
  request: FastifyRequest,
): Promise<BatchAnswer> {
  const { id: requestId, principal } = request;
  try {
    const body = await handler.handle({
      type,
      key,
      data,
      principal,
      requestId,
      at: String(index),
    });
    return { status: 200, body };
  } catch (error) {
    const body = toProblem(error, requestId);
    if (body.code === 'internal') request.log.error({ error, index }, 'command of a batch failed');
    return { status: body.status, body };
  }
}
