import { REVOCATION_DAYS, revokeSessionSchema, SESSIONS_SCOPE } from '@parley/contracts';
import { type FastifyInstance, ProblemError, parse, type RevocationList } from '@parley/runtime';

const TTL_SECONDS = REVOCATION_DAYS * 86_400;

/** Ends a session everywhere. It is no command: sessions are the issuer's, and nothing of them is in the log. */
export function addSessionRoutes(app: FastifyInstance, revocations: Pick<RevocationList, 'revoke'>): void {
  const config = { access: 'user', limit: 'commands' } as const;
  app.post('/v1/sessions/revoke', { config }, async (request) => {
    const { principal } = request;
    const { sessionId = principal.sessionId } = parse(revokeSessionSchema, request.body);
    if (sessionId !== principal.sessionId && !principal.scopes.includes(SESSIONS_SCOPE)) {
      throw new ProblemError('insufficient-scope', { detail: SESSIONS_SCOPE });
    }
    try {
      await revocations.revoke(sessionId, TTL_SECONDS);
    } catch (cause) {
      request.log.warn({ error: cause }, 'a session could not be revoked');
      throw new ProblemError('unavailable', { detail: 'revocations cannot be written', retryAfterMs: 1_000 });
    }
    return { sessionId };
  });
}
