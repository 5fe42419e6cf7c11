import { hash } from 'node:crypto';
import {
  HEADERS,
  type Position,
  parsePosition,
  type QueryAnswer,
  type QueryName,
  querySchemas,
} from '@parley/contracts';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, parse } from '@parley/runtime';
import type { Pool } from 'pg';
import type { z } from 'zod';
import type { LogReader } from './log-reader.ts';
import { readAudit } from './queries/audit.ts';
import { readBans } from './queries/bans.ts';
import { readChannels } from './queries/channels.ts';
import { readConversation } from './queries/conversation.ts';
import { readConversationInvites } from './queries/conversation-invites.ts';
import { eventsFrom } from './queries/events.ts';
import { readHistory } from './queries/history.ts';
import { readInbox } from './queries/inbox.ts';
import { readMe } from './queries/me.ts';
import { readMembers } from './queries/members.ts';
import { readMessage } from './queries/message.ts';
import { readMessages } from './queries/messages.ts';
import { readMyInvites } from './queries/my-invites.ts';
import { readNotifications } from './queries/notifications.ts';
import { readPins } from './queries/pins.ts';
import { readReactions } from './queries/reactions.ts';
import { readReceipts } from './queries/receipts.ts';
import { readAllReports, readReports } from './queries/reports.ts';
import { readScheduled } from './queries/scheduled.ts';
import { readSearch } from './queries/search.ts';
import { readThread } from './queries/thread.ts';
import { readThreads } from './queries/threads.ts';
import { readUnread } from './queries/unread.ts';
import { readUser, readUsers } from './queries/users.ts';
import type { QueryRequest, ReadQuery } from './read-query.ts';
import { inSnapshot } from './snapshot.ts';
import { notYetVisible, type PositionWatch } from './wait-for-position.ts';

const config = { access: 'user', limit: 'queries' } as const;

interface Sources {
  pool: Pool;
  positions: PositionWatch;
  reader: LogReader;
}

/** A query without an answer does not compile. */
type Queries = { readonly [N in QueryName]: ReadQuery<N> };

function queriesOf({ reader, pool }: Sources): Queries {
  return {
    me: readMe,
    inbox: readInbox,
    unread: readUnread,
    notifications: readNotifications,
    threads: readThreads,
    invites: readMyInvites,
    scheduled: readScheduled,
    channels: readChannels,
    conversation: readConversation,
    members: readMembers,
    messages: readMessages,
    message: readMessage,
    thread: readThread,
    history: readHistory,
    reactions: readReactions,
    receipts: readReceipts,
    pins: readPins,
    bans: readBans,
    conversationInvites: readConversationInvites,
    reports: readReports,
    allReports: readAllReports,
    events: eventsFrom(reader, pool),
    search: readSearch,
    user: readUser,
    users: readUsers,
    audit: readAudit,
  };
}

/** A route for every query of the contract. */
export function addQueryRoutes(app: FastifyInstance, sources: Sources): void {
  const queries = queriesOf(sources);
  for (const name of Object.keys(querySchemas) as QueryName[]) addRoute(app, sources, name, queries[name]);
}

function addRoute<N extends QueryName>(
  app: FastifyInstance,
  { pool, positions }: Sources,
  name: N,
  read: ReadQuery<N>,
): void {
  app.get(querySchemas[name].path, { config }, async (request, reply) => {
    // Bad input is told before anything is waited for.
    const checked = requestOf(name, request);
    const minimum = await waitForPositions(request, checked.query, positions);
    const found = await inSnapshot(pool, (snapshot) => read(snapshot, checked));
    const answer: QueryAnswer<N> = typeof found === 'function' ? await found() : found;
    if (minimum.some((each) => isBehind(answer.asOf, each))) throw notYetVisible();
    return respond(request, reply, answer);
  });
}

function requestOf<N extends QueryName>(name: N, request: FastifyRequest): QueryRequest<N> {
  const schemas: { params: z.ZodType; query: z.ZodType } = querySchemas[name];
  return {
    params: parse(schemas.params, request.params) as QueryRequest<N>['params'],
    query: parse(schemas.query, request.query) as QueryRequest<N>['query'],
    principal: request.principal,
  };
}

/** The positions that the answer must not be behind: what the client has seen, and the one it wants to look back to. */
async function waitForPositions(
  request: FastifyRequest,
  query: object,
  positions: PositionWatch,
): Promise<Position[]> {
  const minimum = request.headers[HEADERS.minPosition];
  const asOf = 'asOf' in query ? String(query.asOf) : '';
  return Promise.all([
    ...(minimum === undefined ? [] : [positions.waitFor(String(minimum))]),
    ...(parsePosition(asOf) === null ? [] : [positions.waitFor(asOf, 'asOf')]),
  ]);
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
function respond(request: FastifyRequest, reply: FastifyReply, answer: { asOf: string }): string | undefined {
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
