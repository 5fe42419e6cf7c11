import { REVOCATION_DAYS, revokeSessionSchema, SESSIONS_SCOPE } from '@parley/contracts';
import {
  type FastifyInstance,
  type Principal,
  ProblemError,
  parse,
  type RevocationList,
} from '@parley/runtime';

const TTL_SECONDS = REVOCATION_DAYS * 86_400;
/** Of the clocks of the issuer and ours. */
const SKEW_SECONDS = 60;

/** Ends a session everywhere. It is no command: sessions are the issuer's, and nothing of them is in the log. */
export function addSessionRoutes(app: FastifyInstance, revocations: Pick<RevocationList, 'revoke'>): void {
  const config = { access: 'user', limit: 'commands' } as const;
  app.post('/v1/sessions/revoke', { config }, async (request) => {
    const { principal } = request;
    const { sessionId = ownSession(principal) } = parse(revokeSessionSchema, request.body);
    const isOwn = sessionId === principal.sessionId && namesSession(principal);
    if (!isOwn && !principal.scopes.includes(SESSIONS_SCOPE)) {
      throw new ProblemError('insufficient-scope', { detail: SESSIONS_SCOPE });
    }
    try {
      await revocations.revoke(sessionId, ttlSeconds(principal));
    } catch (cause) {
      request.log.warn({ error: cause }, 'a session could not be revoked');
      throw new ProblemError('unavailable', { detail: 'revocations cannot be written', retryAfterMs: 1_000 });
    }
    return { sessionId };
  });
}

/** A token without `sid` and `jti` is known by its user alone: revoking that would lock out every token like it. */
function namesSession({ sessionId, userId }: Principal): boolean {
  return sessionId !== userId;
}

function ownSession(principal: Principal): string {
  if (namesSession(principal)) return principal.sessionId;
  throw new ProblemError('invalid-request', {
    detail: 'the token names no session: it has neither sid nor jti',
  });
}

function ttlSeconds({ expiresAt }: Principal): number {
  return Math.max(TTL_SECONDS, Math.ceil((expiresAt - Date.now()) / 1_000) + SKEW_SECONDS);
}
