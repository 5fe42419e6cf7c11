import { type ErrorCode, errorCatalogue, type Problem, problem } from '@parley/contracts';
import { ZodError } from 'zod';
import { LogUnavailable } from './event-log.ts';
import { fieldFaults } from './parse.ts';
import { isPostgresAway } from './postgres.ts';
import { ProblemError } from './problem-error.ts';

/** Said with a 429 or 503 whose thrower did not know better. */
const DEFAULT_RETRY_MS = 1_000;

const FRAMEWORK: Record<string, [code: ErrorCode, detail: string]> = {
  FST_ERR_CTP_INVALID_JSON_BODY: ['malformed-json', 'the body is not JSON'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['malformed-json', 'the body is empty'],
  FST_ERR_CTP_BODY_TOO_LARGE: ['too-large', 'the body is over the limit'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported-media-type', 'send application/json'],
  FST_ERR_CTP_EMPTY_TYPE: ['unsupported-media-type', 'send application/json'],
  FST_ERR_CTP_INVALID_TYPE: ['unsupported-media-type', 'send application/json'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['invalid-request', 'the body is not as long as Content-Length says'],
  FST_ERR_BAD_URL: ['invalid-request', 'the URL is not well formed'],
  FST_ERR_MAX_PARAM_LENGTH: ['not-found', 'a part of the path is too long'],
  FST_ERR_NOT_FOUND: ['not-found', 'no such route'],
};

const NETWORK = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

/**
 * What a client is told about an error. Only `ProblemError` speaks for itself; everything unknown is `internal` without
 * a word about its cause, which the caller must log.
 */
export function toProblem(error: unknown, instance?: string): Problem {
  const found = classify(error);
  const { status, retryable } = errorCatalogue[found.code];
  const retryAfterMs =
    found.extras.retryAfterMs ??
    (retryable && (status === 503 || status === 429) ? DEFAULT_RETRY_MS : undefined);
  return problem(found.code, {
    ...found.extras,
    ...(instance !== undefined && { instance }),
    ...(retryAfterMs !== undefined && { retryAfterMs: Math.ceil(retryAfterMs) }),
  });
}

function classify(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error;
  if (error instanceof ZodError) return new ProblemError('invalid-request', { errors: fieldFaults(error) });
  if (error instanceof LogUnavailable)
    return new ProblemError('unavailable', { detail: 'the log cannot be reached' });
  if (!(error instanceof Error)) return new ProblemError('internal');
  const code = 'code' in error ? String(error.code) : '';
  const known = FRAMEWORK[code];
  if (known !== undefined) return new ProblemError(known[0], { detail: known[1] });
  if (NETWORK.has(code) || isPostgresAway(error)) return new ProblemError('unavailable');
  if (code.startsWith('FST_ERR_') && isClientStatus(error)) return new ProblemError('invalid-request');
  return new ProblemError('internal');
}

function isClientStatus(error: Error): boolean {
  return 'statusCode' in error && Number(error.statusCode) >= 400 && Number(error.statusCode) < 500;
}
