import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { type Problem, problem } from '@parley/contracts';
import {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  fastify,
  LogController,
} from 'fastify';
import type { Authenticator } from './auth.ts';
import { acceptJsonOnly } from './json-body.ts';
import type { Logger } from './log.ts';
import type { Metrics } from './metrics.ts';
import { toProblem } from './problem-mapping.ts';
import { protectRequests } from './protection.ts';
import type { RateLimiter } from './rate-limit.ts';
import type { Readiness } from './readiness.ts';
import { enforceRouteRules } from './route-rule.ts';

const MAX_PATH_PART = 400;
const MAX_HEADER_BYTES = 16_384;
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** Longer than the idle time of common load balancers, so that it is they who close first. */
const KEEP_ALIVE_MS = 65_000;
/** Connections waiting to be accepted: Node's 511 are too few when all clients of a gateway come back at once. */
const BACKLOG = 4_096;
const REQUEST_ID = /^[\w.:-]{8,128}$/;

export interface HttpServerOptions {
  name: string;
  corsOrigins: string[];
  bodyLimitBytes: number;
  logger: Logger;
  metrics: Metrics;
  authenticator: Authenticator;
  rateLimiter: RateLimiter;
  readiness: Readiness;
  /** Proxies whose X-Forwarded-For tells the client's address. */
  trustedProxies?: string[];
  /** Mean event loop delay from which requests are answered `overloaded`; 500 ms unless told. */
  maxLoopDelayMs?: number;
}

/**
 * A server with everything the services share: request ids, security headers, CORS, limits, problems, metrics, health.
 * Every route added to it must declare `config: { access, limit }`.
 */
export async function createHttpServer(options: HttpServerOptions): Promise<FastifyInstance> {
  const app = createApp(options);
  acceptJsonOnly(app);
  answerProblems(app);
  await protectRequests(app, options);
  enforceRouteRules(app, options);
  measureRequests(app, options);
  addOperatorRoutes(app, options);
  return app;
}

function createApp({ bodyLimitBytes, logger, trustedProxies = [] }: HttpServerOptions): FastifyInstance {
  const loggerInstance: FastifyBaseLogger = logger;
  return fastify({
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    genReqId: requestIdOf,
    bodyLimit: bodyLimitBytes,
    // A user id of 128 bytes, percent-encoded, is a part of some paths.
    routerOptions: { maxParamLength: MAX_PATH_PART },
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    http: { maxHeaderSize: MAX_HEADER_BYTES, headersTimeout: HEADERS_TIMEOUT_MS },
    exposeHeadRoutes: false,
    // What is still on an open connection while the server closes is answered like any other request.
    return503OnClosing: false,
    trustProxy: trustedProxies.length > 0 ? trustedProxies : false,
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: answerError,
  });
}

function requestIdOf(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
}

function answerProblems(app: FastifyInstance): void {
  app.setErrorHandler(answerError);
  app.setNotFoundHandler((request, reply) => {
    send(reply, problem('not-found', { detail: 'no such route', instance: request.id }));
  });
}

function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const answer = toProblem(error, request.id);
  if (answer.code === 'internal') request.log.error({ error }, 'request failed');
  else if (answer.status >= 500) request.log.warn({ error }, 'request not served');
  send(reply, answer);
}

function send(reply: FastifyReply, answer: Problem): void {
  if (answer.retryAfterMs !== undefined) reply.header('retry-after', Math.ceil(answer.retryAfterMs / 1000));
  if (answer.status === 401) reply.header('www-authenticate', 'Bearer');
  reply.code(answer.status).header('content-type', 'application/problem+json').send(JSON.stringify(answer));
}

/** Requests that never became one: broken HTTP, headers over the limit, too slow. */
function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const overflow = error.code === 'HPE_HEADER_OVERFLOW';
  const late = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  const detail = overflow
    ? 'the headers are over the limit'
    : late
      ? 'the request took too long to arrive'
      : 'not valid HTTP';
  const answer = problem(overflow ? 'too-large' : 'invalid-request', { detail });
  const body = JSON.stringify(answer);
  socket.end(
    `HTTP/1.1 ${answer.status} ${overflow ? 'Payload Too Large' : 'Bad Request'}\r\ncontent-type: application/problem+json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

function measureRequests(app: FastifyInstance, { metrics, logger }: HttpServerOptions): void {
  const duration = metrics.histogram({
    name: 'parley_http_request_seconds',
    help: 'Time from the first byte of a request to the end of its answer; its count is the number of requests',
    labels: ['method', 'route', 'status'],
  });
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'none';
    duration.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1000);
    if (logger.isLevelEnabled('debug')) {
      request.log.debug(
        { method: request.method, route, status: reply.statusCode, ms: reply.elapsedTime },
        'request',
      );
    }
    done();
  });
}

function addOperatorRoutes(app: FastifyInstance, { readiness, metrics }: HttpServerOptions): void {
  const config = { access: 'public', limit: 'none' } as const;
  app.get('/health/live', { config }, () => ({ live: true }));
  app.get('/health/ready', { config }, async (_request, reply) => {
    const report = await readiness.report();
    reply.code(report.ready ? 200 : 503).header('cache-control', 'no-store');
    return report;
  });
  app.get('/metrics', { config }, async (_request, reply) => {
    reply.header('content-type', metrics.contentType);
    return metrics.text();
  });
}

/** Resolves to the port, which is another than was asked for when that was 0. */
export async function listen(
  app: FastifyInstance,
  { host, port }: { host: string; port: number },
): Promise<number> {
  await app.listen({ host, port, backlog: BACKLOG });
  const address = app.server.address();
  return typeof address === 'object' && address ? address.port : port;
}
