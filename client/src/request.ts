import type { Problem } from '@parley/contracts';
import { ParleyError } from './parley-error.ts';

const BACKOFF_BASE_MS = 100;
const BACKOFF_MAX_MS = 5_000;
/** One attempt; a server that does not answer in this time may have answered another one. */
const ATTEMPT_TIMEOUT_MS = 15_000;

export interface RequestOptions {
  /** Ends the attempts; the promise rejects with its reason. */
  signal?: AbortSignal;
  /** Longest time over all attempts, in milliseconds; 30 s unless told. */
  timeoutMs?: number;
}

export interface HttpRequest {
  method: 'GET' | 'POST';
  url: string;
  headers: Record<string, string>;
  body?: string;
}

export interface HttpAnswer {
  body: unknown;
  headers: Headers;
}

export interface Sender {
  fetch: typeof globalThis.fetch;
  token: () => Promise<string> | string;
}

/**
 * Repeats a request until there is a definite answer: network failures, 409 `contention`, 429 and 5xx are not. Waits
 * with full jitter, and never less than the server's Retry-After. An expired token is fetched anew once. Only for
 * requests that may arrive twice: queries, and commands with their key.
 */
export async function requestUntilAnswered(
  sender: Sender,
  request: HttpRequest,
  { signal, timeoutMs = 30_000 }: RequestOptions = {},
): Promise<HttpAnswer> {
  const deadline = Date.now() + timeoutMs;
  let renewed = false;
  for (let attempt = 0; ; attempt++) {
    signal?.throwIfAborted();
    const outcome = await tryOnce(sender, request, { signal, timeoutMs: deadline - Date.now() });
    if (!(outcome instanceof ParleyError)) return outcome;
    signal?.throwIfAborted();
    if (outcome.code === 'token-expired' && !renewed) {
      renewed = true;
      continue;
    }
    const wait = pauseBefore(attempt, outcome);
    if (isDefinite(outcome) || Date.now() + wait >= deadline) throw outcome;
    await pause(wait, signal);
  }
}

/** One attempt. Throws ParleyError, or what `token` throws. */
export async function requestOnce(
  sender: Sender,
  request: HttpRequest,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const outcome = await tryOnce(sender, request, { signal, timeoutMs: ATTEMPT_TIMEOUT_MS });
  if (outcome instanceof ParleyError) throw outcome;
  return outcome;
}

/** Whether the same request, sent again, would get the same answer. */
export function isDefinite({ code, status }: ParleyError): boolean {
  return code !== 'network' && code !== 'contention' && status !== 429 && status < 500;
}

function pauseBefore(attempt: number, { retryAfterMs = 0 }: ParleyError): number {
  const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2 ** Math.min(attempt, 10));
  return retryAfterMs + Math.random() * ceiling;
}

async function tryOnce(
  { fetch, token }: Sender,
  { method, url, headers, body }: HttpRequest,
  limits: { signal: AbortSignal | undefined; timeoutMs: number },
): Promise<HttpAnswer | ParleyError> {
  const bearer = await token();
  const timeout = AbortSignal.timeout(Math.max(1, Math.min(ATTEMPT_TIMEOUT_MS, limits.timeoutMs)));
  try {
    const response = await fetch(url, {
      method,
      headers: { ...headers, authorization: `Bearer ${bearer}` },
      signal: limits.signal ? AbortSignal.any([limits.signal, timeout]) : timeout,
      ...(body !== undefined && { body }),
    });
    const text = await response.text();
    return response.ok ? { body: JSON.parse(text), headers: response.headers } : refusalOf(response, text);
  } catch (cause) {
    return new ParleyError({
      code: 'network',
      status: 0,
      detail: `no answer from ${new URL(url).host}`,
      cause,
    });
  }
}

/** A proxy on the way may answer something that is no problem+json. */
function refusalOf(response: Response, text: string): ParleyError {
  const problem = readProblem(text);
  const { status } = response;
  const header = Number(response.headers.get('retry-after'));
  return new ParleyError({
    code: problem?.code ?? (status >= 500 ? 'unavailable' : 'invalid-request'),
    status,
    detail: problem?.detail ?? problem?.title ?? `status ${status}`,
    errors: problem?.errors,
    retryAfterMs: problem?.retryAfterMs ?? (header > 0 ? header * 1_000 : undefined),
  });
}

function readProblem(text: string): Problem | null {
  try {
    const problem = JSON.parse(text) as Problem | null;
    return typeof problem?.code === 'string' ? problem : null;
  } catch {
    return null;
  }
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', abort, { once: true });
  });
}
