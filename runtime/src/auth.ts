import { hash } from 'node:crypto';
import { userIdSchema } from '@parley/contracts';
import {
  createRemoteJWKSet,
  customFetch,
  errors,
  type FetchImplementation,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { ProblemError } from './problem-error.ts';

const ALGORITHMS = ['ES256', 'RS256', 'EdDSA'];
const CLOCK_TOLERANCE_S = 5;
const MAX_TOKEN_CHARACTERS = 8_192;
/** A key taken out of the set stops working after this long, for cached keys and cached tokens alike. */
const KEYS_MAX_AGE_MS = 600_000;
/** An unknown `kid` may ask the issuer again this often: a rotation is seen soon, a flood of invented ids is not felt. */
const KEYS_COOLDOWN_MS = 5_000;
const KEYS_TIMEOUT_MS = 2_000;
/** Verified tokens kept, in characters of the texts they were read from: about 30,000 of the usual size. */
const CACHE_CHARACTERS = 16_000_000;

/** Who is asking, as the issuer vouches for it. One object per token: never changed. */
export interface Principal {
  readonly userId: string;
  readonly deviceId: string;
  readonly sessionId: string;
  readonly roles: readonly string[];
  readonly segments: readonly string[];
  /** What the token may do beyond its user's own affairs. */
  readonly scopes: readonly string[];
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

export interface Authenticator {
  /** Throws `unauthenticated`, `token-expired`, `token-revoked`, or `unavailable` when the keys cannot be had. */
  verify(token: string): Promise<Principal>;
  /** Resolves when keys are at hand, rejects when the issuer cannot be reached and none are. */
  ready(): Promise<void>;
}

export interface AuthenticatorOptions {
  jwksUrl: string;
  issuer: string;
  audience: string;
  isRevoked?: (principal: Principal) => Promise<boolean>;
}

/** No control characters: a segment is a value in queries, and Postgres takes no NUL. */
const label = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[^\p{Cc}\p{Cs}]+$/u);
const claimsSchema = z.object({
  sub: userIdSchema,
  exp: z.number().positive(),
  did: label.default('default'),
  sid: label.optional(),
  jti: label.optional(),
  roles: z.array(label).max(64).default([]),
  segments: z.array(label).max(256).default([]),
  /** One string with spaces between the scopes (RFC 8693, section 4.2). */
  scope: z.string().max(4_096).default(''),
});

/** Errors of the key lookup that blame the token; every other one blames the way to the issuer. */
const TOKEN_FAULTS = [errors.JWKSNoMatchingKey, errors.JWKSMultipleMatchingKeys, errors.JOSENotSupported];

/**
 * Verifies tokens against the issuer's key set. A token is checked once and then remembered (a signature check measured
 * 100–200 µs), by its hash: the text would be most of what an idle socket's token costs. Whether its session is
 * revoked is asked each time. Refused tokens are not remembered.
 */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const keySet = createRemoteJWKSet(new URL(options.jwksUrl), {
    cacheMaxAge: KEYS_MAX_AGE_MS,
    cooldownDuration: KEYS_COOLDOWN_MS,
    timeoutDuration: KEYS_TIMEOUT_MS,
    [customFetch]: fetchTwice,
  });
  const check = createCheck(guardLookup(keySet), options);
  const verified = new LRUCache<string, Principal>({
    maxSize: CACHE_CHARACTERS,
    ttl: KEYS_MAX_AGE_MS,
    ttlResolution: 1_000,
  });
  return {
    async verify(token) {
      const key = hash('sha256', token, 'base64');
      let principal = verified.get(key);
      if (principal === undefined) {
        principal = await check(token);
        verified.set(key, principal, { size: token.length });
      } else if (principal.expiresAt + CLOCK_TOLERANCE_S * 1000 <= Date.now()) {
        verified.delete(key);
        throw new ProblemError('token-expired');
      }
      if (options.isRevoked !== undefined && (await options.isRevoked(principal))) {
        throw new ProblemError('token-revoked');
      }
      return principal;
    },
    async ready() {
      if (!keySet.fresh) await keySet.reload();
    },
  };
}

/** The first try may meet a kept connection that the issuer has closed since. The timeout covers both. */
const fetchTwice: FetchImplementation = (url, init) => fetch(url, init).catch(() => fetch(url, init));

class KeysUnreachable extends Error {
  override name = 'KeysUnreachable';
}

function guardLookup(keySet: JWTVerifyGetKey): JWTVerifyGetKey {
  return async (header, token) => {
    try {
      return await keySet(header, token);
    } catch (error) {
      if (TOKEN_FAULTS.some((fault) => error instanceof fault)) throw error;
      throw new KeysUnreachable('The key set cannot be read', { cause: error });
    }
  };
}

function createCheck(keys: JWTVerifyGetKey, { issuer, audience }: AuthenticatorOptions) {
  const rules = {
    algorithms: ALGORITHMS,
    issuer,
    audience,
    clockTolerance: CLOCK_TOLERANCE_S,
    requiredClaims: ['exp', 'sub'],
  };
  return async (token: string): Promise<Principal> => {
    if (token.length > MAX_TOKEN_CHARACTERS) {
      throw new ProblemError('unauthenticated', { detail: 'the token is too long' });
    }
    try {
      return principalOf((await jwtVerify(token, keys, rules)).payload);
    } catch (error) {
      throw refusal(error);
    }
  };
}

function principalOf(payload: JWTPayload): Principal {
  const claims = claimsSchema.safeParse(payload);
  if (!claims.success) {
    const names = new Set(claims.error.issues.map((issue) => String(issue.path[0])));
    throw new ProblemError('unauthenticated', { detail: `unusable claims: ${[...names].join(', ')}` });
  }
  const { sub, exp, did, sid, jti, roles, segments, scope } = claims.data;
  return Object.freeze({
    userId: sub,
    deviceId: did,
    sessionId: sid ?? jti ?? sub,
    roles: shared(roles),
    segments: shared(segments),
    scopes: shared(scope.split(' ').filter((each) => each !== '')),
    expiresAt: exp * 1000,
  });
}

/** Most tokens name none: tens of thousands of them are remembered. */
function shared(names: readonly string[]): readonly string[] {
  return names.length === 0 ? NONE : names;
}

const NONE: readonly string[] = Object.freeze([]);

/** What exactly was wrong with a token is told only where it helps an honest client. */
function refusal(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error;
  if (error instanceof KeysUnreachable) {
    return new ProblemError('unavailable', {
      detail: 'the token issuer cannot be reached',
      retryAfterMs: 2_000,
    });
  }
  if (error instanceof errors.JWTExpired) return new ProblemError('token-expired');
  if (error instanceof errors.JWTClaimValidationFailed) {
    return new ProblemError('unauthenticated', { detail: `the claim ${error.claim} is not acceptable` });
  }
  return new ProblemError('unauthenticated');
}
