import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { algorithm, issuerKeys } from './issuer-keys.ts';
import type { TokenRequest } from './token-request.ts';

export interface SignedToken {
  token: string;
  /** ISO 8601. */
  expiresAt: string;
}

export interface TokenSigner {
  readonly issuer: string;
  readonly audience: string;
  sign(request: { sub: string } & Partial<TokenRequest>): Promise<SignedToken>;
  jwks(): { keys: object[] };
}

/** The one issuer of the local stack, whatever port it got: its tokens outlive a change of the port. */
export const localIssuer = 'parley-local';
export const localAudience = 'parley';

/** Signs without a server; tests use it with a key folder of their own. */
export async function createTokenSigner(
  dir: string,
  names: { issuer?: string; audience?: string } = {},
): Promise<TokenSigner> {
  const { kid, privateKey, publicJwk } = await issuerKeys(dir);
  const { issuer = localIssuer, audience = localAudience } = names;
  return {
    issuer,
    audience,
    async sign({
      sub,
      roles = [],
      segments = [],
      scopes = [],
      device = 'default',
      session,
      ttlSeconds = 3_600,
    }) {
      const issuedAt = Math.floor(Date.now() / 1_000);
      const expires = issuedAt + ttlSeconds;
      const claims = { did: device, sid: session ?? randomUUID(), roles, segments, scope: scopes.join(' ') };
      const token = await new SignJWT(claims)
        .setProtectedHeader({ alg: algorithm, kid, typ: 'JWT' })
        .setIssuer(issuer)
        .setAudience(audience)
        .setSubject(sub)
        .setJti(randomUUID())
        .setIssuedAt(issuedAt)
        .setExpirationTime(expires)
        .sign(privateKey);
      return { token, expiresAt: new Date(expires * 1_000).toISOString() };
    },
    jwks: () => ({ keys: [publicJwk] }),
  };
}
