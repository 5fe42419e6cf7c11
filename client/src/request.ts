import { errorCatalogue, type Problem } from '@parley/contracts';
import { monotonicNow } from './monotonic-now.ts';
import { ParleyError } from './parley-error.ts';
import { withinTime } from './within-time.ts';

const BACKOFF_BASE_MS = 100;
const BACKOFF_MAX_MS = 5_000;
/** One attempt; a server that does not answer in this time may have answered another one. */
const ATTEMPT_TIMEOUT_MS = 15_000;
/** A server's word puts off the next attempt for no longer: it may be a mistake, and too early costs one more refusal. */
export const LONGEST_PAUSE_MS = 300_000;

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
 * Repeats a request until there is a definite answer: network failures, 409 `contention`, 429, 5xx and what is no
 * answer of Parley are not. Waits with full jitter, and never less than Parley's Retry-After, up to 5 minutes of it. An expired token is
 * fetched anew once. Only for requests that may arrive twice: queries, and commands with their key.
 */
export async function requestUntilAnswered(
  sender: Sender,
  request: HttpRequest,
  { signal, timeoutMs = 30_000 }: RequestOptions = {},
): Promise<HttpAnswer> {
  const deadline = monotonicNow() + timeoutMs;
  let renewed = false;
  for (let attempt = 0; ; attempt++) {
    signal?.throwIfAborted();
    const outcome = await tryOnce(sender, request, { signal, timeoutMs: deadline - monotonicNow() });
    if (!(outcome instanceof ParleyError)) return outcome;
    signal?.throwIfAborted();
    if (outcome.code === 'token-expired' && !renewed) {
      renewed = true;
      continue;
    }
    const wait = pauseBefore(attempt, outcome);
    if (isDefinite(outcome) || monotonicNow() + wait >= deadline) throw outcome;
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
  return Math.min(retryAfterMs, LONGEST_PAUSE_MS) + Math.random() * ceiling;
}

async function tryOnce(
  sender: Sender,
  request: HttpRequest,
  { signal, timeoutMs }: { signal: AbortSignal | undefined; timeoutMs: number },
): Promise<HttpAnswer | ParleyError> {
  const ms = Math.max(1, Math.min(ATTEMPT_TIMEOUT_MS, timeoutMs));
  const detail = `no answer from ${hostOf(request)} in time`;
  const late = () => new ParleyError({ code: 'network', status: 0, detail });
  try {
    // The token too: one that never comes must not hold the request, nor what waits behind it.
    return await withinTime((own) => exchange(sender, request, own), { ms, signal, late });
  } catch (error) {
    if (error instanceof ParleyError && error.code === 'network') return error;
    throw error;
  }
}

async function exchange(
  { fetch, token }: Sender,
  request: HttpRequest,
  signal: AbortSignal,
): Promise<HttpAnswer | ParleyError> {
  const bearer = await token();
  // Given up meanwhile; sent now, it could arrive after what is sent next.
  signal.throwIfAborted();
  const { method, url, body } = request;
  const headers = { ...request.headers, authorization: `Bearer ${bearer}` };
  try {
    const response = await fetch(url, { method, headers, signal, ...(body !== undefined && { body }) });
    const text = await response.text();
    return response.ok ? { body: JSON.parse(text), headers: response.headers } : refusalOf(response, text);
  } catch (cause) {
    const detail = `no answer from ${hostOf(request)}`;
    return new ParleyError({ code: 'network', status: 0, detail, cause });
  }
}

const hostOf = ({ url }: HttpRequest): string => new URL(url).host;

function refusalOf(response: Response, text: string): ParleyError {
  const problem = readProblem(text);
  const { status } = response;
  return new ParleyError({
    ...(problem ? { code: problem.code, status } : codeOfStranger(status)),
    detail: problem?.detail ?? problem?.title ?? `status ${status} without a code of Parley's`,
    errors: problem?.errors,
    retryAfterMs: problem ? pauseOf(problem, response) : undefined,
  });
}

/** Only of Parley's: what is on the way does not know when Parley answers again, nor when the network is another. */
function pauseOf({ retryAfterMs }: Problem, { headers }: Response): number | undefined {
  const ms = retryAfterMs ?? Number(headers.get('retry-after') ?? Number.NaN) * 1_000;
  return Number.isFinite(ms) && ms > 0 ? ms : undefined;
}

/** A proxy or a captive portal on the way speaks for itself: what it refuses Parley has not even seen. */
function codeOfStranger(status: number): Pick<ParleyError, 'code' | 'status'> {
  if (status === 429) return { code: 'rate-limited', status };
  return status >= 500 ? { code: 'unavailable', status } : { code: 'network', status: 0 };
}

function readProblem(text: string): Problem | null {
  try {
    const problem = JSON.parse(text) as Problem | null;
    return problem && Object.hasOwn(errorCatalogue, problem.code) ? problem : null;
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
