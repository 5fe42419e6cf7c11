import {
  batchSchema,
  type CommandAccepted,
  commandIdSchema,
  conversationSubject,
  HEADERS,
  type Problem,
} from '@parley/contracts';
import { type FastifyInstance, ProblemError, parse, type RateLimiter, toProblem } from '@parley/runtime';
import { conversationOf } from './domain/conversation.ts';
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
    const actor = request.principal.userId;
    const command = handler.read({
      type: request.params.type,
      key,
      data: request.body,
      actor,
      requestId: request.id,
    });
    const accepted = await handler.execute(command, request.id);
    reply.header(HEADERS.position, accepted.position);
    return accepted;
  });

  app.post('/v1/commands', { config }, async (request) => {
    const items = parse(batchSchema, request.body);
    const actor = request.principal.userId;
    // The route's own rule has taken one point; a batch costs as much as its commands one by one.
    const { allowed, retryAfterMs } = await rateLimiter.consume('commands', actor, items.length - 1);
    if (!allowed) throw new ProblemError('rate-limited', { retryAfterMs });
    return runBatch(handler, items, { actor, requestId: request.id });
  });
}

type BatchItem = { key: string; type: string; data?: unknown };
type BatchAnswer = { status: 200; body: CommandAccepted } | { status: number; body: Problem };

/**
 * Each item gets its own answer, in the order of the request. Items of one conversation take effect in that order:
 * they are queued in it, and one that asks about an earlier message waits until the earlier items are stored.
 */
async function runBatch(
  handler: CommandHandler,
  items: BatchItem[],
  { actor, requestId }: { actor: string; requestId: string },
): Promise<{ items: BatchAnswer[] }> {
  const running = new Map<string, Promise<unknown>>();
  const answers = items.map(async (item, index): Promise<BatchAnswer> => {
    try {
      const command = handler.read({ ...item, data: item.data, actor, requestId, at: String(index) });
      const subject = conversationSubject(conversationOf(command));
      const earlier = running.get(subject);
      const waits = command.type === 'message.edit' || command.type === 'message.delete';
      const answer =
        waits && earlier
          ? earlier.then(() => handler.execute(command, requestId))
          : handler.execute(command, requestId);
      running.set(subject, Promise.allSettled([earlier, answer]));
      return { status: 200, body: await answer };
    } catch (error) {
      const body = toProblem(error, requestId);
      if (!(error instanceof ProblemError) && body.status === 500) throw error;
      return { status: body.status, body };
    }
  });
  return { items: await Promise.all(answers) };
}
