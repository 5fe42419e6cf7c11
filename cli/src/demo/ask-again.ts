import { setTimeout as delay } from 'node:timers/promises';
import { errorCatalogue, type Problem } from '@parley/contracts';
import { Unavailable } from '../run-command.ts';
import type { Http, HttpAnswer, HttpRequest } from './http.ts';

/** No definite answer for this long: the stack is away. */
const PATIENCE_MS = 120_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

export interface Attempts {
  /** Another attempt follows; `limited` = it was told to wait by the rate limit. */
  retried(cause: 'limited' | 'unavailable', waitMs: number): void;
}

/**
 * Sends a request until there is a definite answer: one that the same request would get again. Rate limits are waited
 * out for as long as they say; anything else that passes is given two minutes, then it throws Unavailable.
 */
export async function askUntilDefinite(
  http: Http,
  prepare: (previous: HttpAnswer | null) => Promise<HttpRequest>,
  attempts: Attempts,
  signal?: AbortSignal,
): Promise<HttpAnswer> {
  let deadline = Date.now() + PATIENCE_MS;
  let previous: HttpAnswer | null = null;
  for (let failures = 0; ; failures++) {
    signal?.throwIfAborted();
    const request = await prepare(previous);
    const outcome = await http({ ...request, signal }).catch((error: Error) => error);
    signal?.throwIfAborted();
    if (!(outcome instanceof Error) && isDefinite(outcome)) return outcome;
    previous = outcome instanceof Error ? null : outcome;
    if (Date.now() > deadline) throw notAnswering(request, outcome);
    const limited = previous?.status === 429;
    const wait = (previous && toldToWait(previous)) ?? pause(failures);
    if (limited) deadline += wait;
    attempts.retried(limited ? 'limited' : 'unavailable', wait);
    await delay(wait, undefined, signal ? { signal } : {});
  }
}

export function problemOf(body: unknown): Problem | null {
  const candidate = body as Partial<Problem> | null | undefined;
  return candidate && typeof candidate.code === 'string' ? (candidate as Problem) : null;
}

/** Whether the same request would be answered the same way; an unknown code is judged by its status. */
export function isRetryable(status: number, problem: Problem | null): boolean {
  if (status === 401) return problem?.code === 'token-expired';
  if (problem && Object.hasOwn(errorCatalogue, problem.code)) return errorCatalogue[problem.code].retryable;
  return status === 429 || status >= 500;
}

function isDefinite({ status, json }: HttpAnswer): boolean {
  if (json === undefined) return false;
  return status < 300 || !isRetryable(status, problemOf(json));
}

function toldToWait({ headers, json }: HttpAnswer): number | null {
  const exact = problemOf(json)?.retryAfterMs;
  if (exact !== undefined) return exact;
  const seconds = Number(headers['retry-after']);
  return Number.isFinite(seconds) ? seconds * 1_000 : null;
}

/** Full jitter, so that those who failed together do not come back together. */
function pause(failures: number): number {
  return Math.random() * Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures) + 10;
}

function notAnswering({ method, url }: HttpRequest, outcome: HttpAnswer | Error): Unavailable {
  return new Unavailable(`The stack does not answer: ${method} ${url}: ${faultOf(outcome)}`);
}

function faultOf(outcome: HttpAnswer | Error): string {
  if (outcome instanceof Error) return outcome.message;
  return problemOf(outcome.json)?.detail ?? `status ${outcome.status}`;
}
