import type { ErrorCode, FieldFault } from '@parley/contracts';

/**
 * `network`: no answer. `connection-closed`: the gateway said to stop, or the outbox was closed. `discarded`: the
 * application took a command back out of its outbox. `unsupported`: the platform lacks what is needed. The others are
 * the server's.
 */
export type ClientErrorCode = ErrorCode | 'network' | 'connection-closed' | 'discarded' | 'unsupported';

export interface ParleyErrorOptions {
  code: ClientErrorCode;
  /** HTTP status or close code; 0 when there was no answer. */
  status: number;
  detail: string;
  errors?: FieldFault[] | undefined;
  retryAfterMs?: number | undefined;
  cause?: unknown;
}

/** Every refusal and failure of a command, query or subscription. `code` is the stable part: match on it. */
export class ParleyError extends Error {
  override name = 'ParleyError';
  readonly code: ClientErrorCode;
  readonly status: number;
  readonly detail: string;
  readonly errors: FieldFault[];
  readonly retryAfterMs: number | undefined;

  constructor({ code, status, detail, errors = [], retryAfterMs, cause }: ParleyErrorOptions) {
    super(`${code}: ${detail}`, { cause });
    this.code = code;
    this.status = status;
    this.detail = detail;
    this.errors = errors;
    this.retryAfterMs = retryAfterMs;
  }
}
