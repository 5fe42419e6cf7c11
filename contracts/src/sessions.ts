import { z } from 'zod';

/** A session as tokens name it: their `sid`, else `jti`, else `sub`. */
export const revokeSessionSchema = z.strictObject({
  sessionId: z
    .string()
    .min(1)
    .max(128)
    .regex(/^[^\p{Cc}\p{Cs}]+$/u, 'must not contain control characters')
    .optional(),
});

export const revokedSessionSchema = z.object({ sessionId: z.string() });

/** Who may revoke sessions other than the one of the token. */
export const SESSIONS_SCOPE = 'parley:sessions';
/** A revocation is kept this long: no token may live longer. */
export const REVOCATION_DAYS = 30;
