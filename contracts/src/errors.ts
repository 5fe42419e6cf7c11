/**
 * Every error code a client can see, in one place: HTTP answers carry it in problem+json (RFC 9457), frames in `error`.
 * `retryable` means the same request may succeed later without change.
 */
export const errorCatalogue = {
  'invalid-request': {
    status: 400,
    retryable: false,
    title: 'The request does not fit its schema',
    help: 'Read `errors`: each names the path of a field and what is wrong with it.',
  },
  'malformed-json': {
    status: 400,
    retryable: false,
    title: 'The body is not JSON',
    help: 'Send one JSON value with content type application/json.',
  },
  unauthenticated: {
    status: 401,
    retryable: false,
    title: 'No valid token',
    help: 'Send `Authorization: Bearer <token>` with a token of the configured issuer.',
  },
  'token-expired': {
    status: 401,
    retryable: false,
    title: 'The token has expired',
    help: 'Get a new token and repeat the request with the same idempotency key.',
  },
  'token-revoked': {
    status: 401,
    retryable: false,
    title: 'The session was revoked',
    help: 'Sign in again.',
  },
  forbidden: {
    status: 403,
    retryable: false,
    title: 'Your role does not allow this',
    help: 'See the permission table for the role that may.',
  },
  banned: {
    status: 403,
    retryable: false,
    title: 'You are banned here',
    help: 'Wait until the time in `detail`, or ask a moderator.',
  },
  blocked: {
    status: 403,
    retryable: false,
    title: 'One of you has blocked the other',
    help: 'The one who blocked can take it back.',
  },
  'insufficient-scope': {
    status: 403,
    retryable: false,
    title: 'The token lacks the scope that this needs',
    help: 'Use a token with the scope named in `detail`.',
  },
  'not-found': {
    status: 404,
    retryable: false,
    title: 'Not found',
    help: 'It does not exist, or you may not know that it does.',
  },
  'conversation-archived': {
    status: 409,
    retryable: false,
    title: 'The conversation is archived',
    help: 'Nothing is written in it until an admin unarchives it.',
  },
  'conversation-deleted': {
    status: 409,
    retryable: false,
    title: 'The conversation is deleted',
    help: 'Nothing to do: it stays deleted.',
  },
  'edit-window-passed': {
    status: 409,
    retryable: false,
    title: 'The time to edit this message is over',
    help: 'Send a new message; see `editWindowSeconds` in the settings of the conversation.',
  },
  'last-owner': {
    status: 409,
    retryable: false,
    title: 'The last owner cannot go',
    help: 'Make somebody else an owner first.',
  },
  'message-deleted': {
    status: 409,
    retryable: false,
    title: 'The message is deleted',
    help: 'Nothing to do: a deleted message stays deleted.',
  },
  'limit-reached': {
    status: 409,
    retryable: false,
    title: 'As many as there may be',
    help: 'Take one away first; `detail` says how many there may be.',
  },
  contention: {
    status: 409,
    retryable: true,
    title: 'Too many writers at once',
    help: 'Retry with the same idempotency key.',
  },
  'too-large': {
    status: 413,
    retryable: false,
    title: 'The body is too large',
    help: 'See the limit in `detail`; split the request.',
  },
  'unsupported-media-type': {
    status: 415,
    retryable: false,
    title: 'Unsupported media type',
    help: 'Send application/json.',
  },
  'idempotency-conflict': {
    status: 422,
    retryable: false,
    title: 'The idempotency key stands for another request',
    help: 'Make a new UUIDv7 for each new command; repeat a key only with the same request.',
  },
  'self-message': {
    status: 422,
    retryable: false,
    title: 'That is yourself',
    help: 'Name another user: nobody talks to, or blocks, themselves.',
  },
  'not-allowed-here': {
    status: 422,
    retryable: false,
    title: 'Not possible here',
    help: 'See `detail`, and the conversation types in the glossary.',
  },
  'rate-limited': {
    status: 429,
    retryable: true,
    title: 'Too many requests',
    help: 'Wait for `Retry-After` seconds.',
  },
  'slow-mode': {
    status: 429,
    retryable: true,
    title: 'Slow mode: one message at a time',
    help: 'Wait for `Retry-After` seconds; `retryAfterMs` is exact.',
  },
  internal: {
    status: 500,
    retryable: true,
    title: 'Something went wrong here',
    help: 'Retry with the same idempotency key; tell the operator the request id if it stays.',
  },
  unavailable: {
    status: 503,
    retryable: true,
    title: 'A service behind this one is away',
    help: 'Retry after `Retry-After` seconds with the same idempotency key.',
  },
  'not-yet-visible': {
    status: 503,
    retryable: true,
    title: 'The read model has not reached that position yet',
    help: 'Retry after `Retry-After` seconds.',
  },
  overloaded: { status: 503, retryable: true, title: 'Too busy', help: 'Retry after `Retry-After` seconds.' },
} as const satisfies Record<string, { status: number; retryable: boolean; title: string; help: string }>;

export type ErrorCode = keyof typeof errorCatalogue;

export interface FieldFault {
  /** Where in the body, query or headers: `members.0.userId`. */
  path: string;
  message: string;
}

/** RFC 9457 body. `type` is a urn so that it needs no host to mean something. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  code: ErrorCode;
  detail?: string;
  instance?: string;
  errors?: FieldFault[];
  retryAfterMs?: number;
}

export interface ProblemExtras {
  detail?: string;
  instance?: string;
  errors?: FieldFault[];
  retryAfterMs?: number;
}

export function problem(code: ErrorCode, extras: ProblemExtras = {}): Problem {
  const { status, title } = errorCatalogue[code];
  return { type: `urn:parley:error:${code}`, title, status, code, ...extras };
}
