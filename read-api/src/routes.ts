import { hash } from 'node:crypto';
import {
  conversationParamsSchema,
  HEADERS,
  inboxQuerySchema,
  membersQuerySchema,
  messagesQuerySchema,
  type Position,
  parsePosition,
} from '@parley/contracts';
import {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  ProblemError,
  parse,
} from '@parley/runtime';
import type { Pool } from 'pg';
import { readConversation } from './queries/conversation.ts';
import { readInbox } from './queries/inbox.ts';
import { readMembers } from './queries/members.ts';
import { readMessages } from './queries/messages.ts';
import { readUnread } from './queries/unread.ts';
import { inSnapshot, type Snapshot } from './snapshot.ts';
import { notYetVisible, type PositionWatch } from './wait-for-position.ts';

const config = { access: 'user', limit: 'queries' } as const;

type Answer = { asOf: string };

export function addQueryRoutes(app: FastifyInstance, pool: Pool, positions: PositionWatch): void {
  const get = (
    path: string,
    plan: (request: FastifyRequest) => (snapshot: Snapshot) => Promise<Answer>,
  ): void => {
    app.get(path, { config }, async (request, reply) => {
      // Bad input is told before anything is waited for.
      const read = plan(request);
      const minimum = await waitForPosition(request, positions);
      const answer = await inSnapshot(pool, read);
      if (minimum !== null && isBehind(answer.asOf, minimum)) throw notYetVisible();
      return respond(request, reply, answer);
    });
  };

  get('/v1/me/conversations', ({ query, principal }) => {
    const wanted = parse(inboxQuerySchema, query);
    return (snapshot) => readInbox(snapshot, wanted, principal.userId);
  });
  get('/v1/me/unread', ({ query, principal }) => {
    refuseParameters(query);
    return (snapshot) => readUnread(snapshot, principal.userId);
  });
  get('/v1/conversations/:conversationId', ({ params, query, principal }) => {
    const { conversationId } = parse(conversationParamsSchema, params);
    refuseParameters(query);
    return (snapshot) => readConversation(snapshot, conversationId, principal.userId);
  });
  get('/v1/conversations/:conversationId/members', ({ params, query, principal }) => {
    const { conversationId } = parse(conversationParamsSchema, params);
    const wanted = parse(membersQuerySchema, query);
    return (snapshot) => readMembers(snapshot, conversationId, wanted, principal.userId);
  });
  get('/v1/conversations/:conversationId/messages', ({ params, query, principal }) => {
    const { conversationId } = parse(conversationParamsSchema, params);
    const wanted = parse(messagesQuerySchema, query);
    return (snapshot) => readMessages(snapshot, conversationId, wanted, principal.userId);
  });
}

function refuseParameters(query: unknown): void {
  const [name] = Object.keys(query as object);
  if (name === undefined) return;
  throw new ProblemError('invalid-request', {
    errors: [{ path: name.slice(0, 100), message: 'unknown field' }],
  });
}

async function waitForPosition(request: FastifyRequest, positions: PositionWatch): Promise<Position | null> {
  const wanted = request.headers[HEADERS.minPosition];
  return wanted === undefined ? null : positions.waitFor(String(wanted));
}

/** The read model may have been dropped since it had the position, and be on its way there again. */
function isBehind(asOf: string, minimum: Position): boolean {
  const reached = parsePosition(asOf);
  return reached === null || reached.epoch !== minimum.epoch || reached.sequence < minimum.sequence;
}

/**
 * The tag is of the content without `asOf`: an answer that only the log's growth would change is not sent again. It is a
 * weak one, because two answers with the same tag may differ in `asOf`.
 */
function respond(request: FastifyRequest, reply: FastifyReply, answer: Answer): string | undefined {
  const { asOf, ...rest } = answer;
  const content = JSON.stringify(rest);
  const tag = `W/"${hash('sha256', content, 'base64url').slice(0, 27)}"`;
  reply.headers({
    [HEADERS.position]: asOf,
    etag: tag,
    'cache-control': 'private, no-cache',
    vary: 'origin, authorization',
  });
  if (matches(request.headers['if-none-match'], tag)) {
    reply.code(304);
    return undefined;
  }
  reply.type('application/json; charset=utf-8');
  // Every answer has more than `asOf`, so there is something after the brace.
  return `{"asOf":${JSON.stringify(asOf)},${content.slice(1)}`;
}

function matches(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false;
  return header
    .split(',')
    .some((each) => each.trim() === '*' || `W/${each.trim().replace(/^W\//, '')}` === tag);
}
