import type { OwnPresence } from '@parley/contracts';

/** How long before the token's end the client is told, and how long after it the socket stays. */
export const AUTH_SOON_MS = 60_000;
export const AUTH_GRACE_MS = 25_000;

export interface Hello {
  since: string | null;
  feed: 'all' | 'none';
  device: string | null;
  presence: OwnPresence;
}

/** What the newest token says. */
export interface Claims {
  userId: string;
  sessionId: string;
  segments: readonly string[];
  /** Milliseconds since 1970. */
  expiresAt: number;
}

/** Whose session it is. */
export interface Identity {
  claims: Claims;
  feed: 'all' | 'none';
  /** The client knows that the token ends soon. */
  warned: boolean;
  /** A newer token is being verified. One at a time, or an older one could be the last to be taken. */
  renewing: boolean;
  /** The newest of those that came meanwhile. */
  nextToken: string | null;
}

export function identify(claims: Claims, feed: 'all' | 'none'): Identity {
  return { claims, feed, warned: false, renewing: false, nextToken: null };
}

/** `ending`: the client is to be told, which happens once for a token. */
export function tokenStage(
  { claims: { expiresAt }, warned }: Identity,
  wallNow: number,
): 'good' | 'ending' | 'over' {
  if (wallNow >= expiresAt + AUTH_GRACE_MS) return 'over';
  return warned || wallNow < expiresAt - AUTH_SOON_MS ? 'good' : 'ending';
}

/** A newer token has come: gives the one to verify now, if any. */
export function askRenewal(identity: Identity, token: string): { identity: Identity; verify: string | null } {
  if (identity.renewing) return { identity: { ...identity, nextToken: token }, verify: null };
  return { identity: { ...identity, renewing: true }, verify: token };
}

/** The token that was being verified was taken, with its claims, or could not be verified: gives the next one, if any. */
export function endRenewal(
  identity: Identity,
  claims: Claims | null,
): { identity: Identity; verify: string | null } {
  const { nextToken } = identity;
  // A token that ends no later brings no new warning: it would bring one token after another.
  const held = claims
    ? { ...identity, claims, warned: identity.warned && !endsLater(claims, identity.claims) }
    : identity;
  return { identity: { ...held, renewing: nextToken !== null, nextToken: null }, verify: nextToken };
}

function endsLater(claims: Claims, before: Claims): boolean {
  return claims.expiresAt > before.expiresAt;
}
