import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import type { Authenticator, Principal } from './auth.ts';
import { ProblemError } from './problem-error.ts';
import type { LimitKind, RateLimiter } from './rate-limit.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** `user` = a valid token is required, and `request.principal` is set. */
    access: 'public' | 'user';
    /** Whose points a request takes: of the user, or of the address on a public route. */
    limit: 'commands' | 'queries' | 'none';
  }
  interface FastifyRequest {
    principal: Principal;
  }
}

const BEARER = /^bearer /i;

type Hook = (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void) => void;

/** From here on a route without a declared rule cannot be registered, and its rule is enforced before its body is read. */
export function enforceRouteRules(
  app: FastifyInstance,
  options: { authenticator: Authenticator; rateLimiter: RateLimiter },
): void {
  app.decorateRequest('principal');
  app.addHook('onRoute', (route) => {
    const rule = ruleOf(route);
    const hooks: Hook[] = [];
    if (rule.access === 'user') hooks.push(authenticate(options.authenticator, options.rateLimiter));
    if (rule.limit !== 'none' && options.rateLimiter.enabled)
      hooks.push(takePoint(options.rateLimiter, rule.limit));
    if (hooks.length > 0) route.onRequest = [...[route.onRequest ?? []].flat(), ...hooks];
  });
}

function ruleOf(route: RouteOptions) {
  const { access, limit } = route.config ?? {};
  const known =
    (access === 'public' || access === 'user') && ['commands', 'queries', 'none'].includes(limit ?? '');
  if (!known || limit === undefined) {
    throw new Error(
      `Route ${String(route.method)} ${route.url} declares no rule: add config: { access: 'public' | 'user', limit: 'commands' | 'queries' | 'none' }`,
    );
  }
  return { access, limit };
}

/** Callbacks and not async functions: two promises less on every request. */
function authenticate(authenticator: Authenticator, rateLimiter: RateLimiter): Hook {
  return (request, _reply, done) => {
    const accept = (principal: Principal): void => {
      request.principal = principal;
      done();
    };
    const refuse = (error: unknown): void => {
      refusal(error, request.ip, rateLimiter).then(done, done);
    };
    const token = bearerToken(request.headers.authorization);
    if (token instanceof ProblemError) refuse(token);
    else authenticator.verify(token).then(accept, refuse);
  };
}

function bearerToken(header: string | undefined): string | ProblemError {
  if (header === undefined)
    return new ProblemError('unauthenticated', { detail: 'the Authorization header is missing' });
  // What stands after the scheme is checked by the verification: a pattern over it cost 0.5 µs a request.
  if (header.startsWith('Bearer ') || BEARER.test(header)) return header.slice('Bearer '.length).trim();
  return new ProblemError('unauthenticated', { detail: 'expected `Authorization: Bearer <token>`' });
}

/** Only refused requests are slowed down: a valid token passes whoever else shares its address. */
async function refusal(error: unknown, address: string, rateLimiter: RateLimiter): Promise<Error> {
  if (!(error instanceof ProblemError)) return error instanceof Error ? error : new Error(String(error));
  if (error.code === 'unavailable') return error;
  const { allowed, retryAfterMs } = await rateLimiter.consume('failures', address);
  return allowed
    ? error
    : new ProblemError('rate-limited', { detail: 'too many refused tokens', retryAfterMs });
}

function takePoint(rateLimiter: RateLimiter, kind: LimitKind): Hook {
  return (request, reply, done) => {
    const key = request.principal ? request.principal.userId : `ip:${request.ip}`;
    rateLimiter.consume(kind, key).then(({ allowed, retryAfterMs, limit, remaining, resetMs }) => {
      reply.header('ratelimit-limit', limit);
      reply.header('ratelimit-remaining', remaining);
      reply.header('ratelimit-reset', Math.ceil(resetMs / 1000));
      done(allowed ? undefined : new ProblemError('rate-limited', { retryAfterMs }));
    }, done);
  };
}
