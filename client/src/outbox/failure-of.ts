import { ParleyError } from '../parley-error.ts';
import { isDefinite, LONGEST_PAUSE_MS } from '../request.ts';
import type { CommandFault } from './outbox-model.ts';

/** What is no answer of the server, a token that could not be had for example, is tried again like a lost network. */
export function failureOf(error: unknown): { fault: CommandFault; definite: boolean; retryAfterMs: number } {
  if (!(error instanceof ParleyError)) {
    const fault = { code: 'network' as const, status: 0, detail: String(error), errors: [] };
    return { fault, definite: false, retryAfterMs: 0 };
  }
  const { code, status, detail, errors, retryAfterMs = 0 } = error;
  const fault = { code: code as CommandFault['code'], status, detail, errors };
  // Without a valid token nothing was said of the command: it waits for the user to sign in again.
  const definite = isDefinite(error) && status !== 401;
  return { fault, definite, retryAfterMs: Math.min(retryAfterMs, LONGEST_PAUSE_MS) };
}
