/** Header names, lower case as Node gives them. */
export const HEADERS = {
  idempotencyKey: 'idempotency-key',
  position: 'parley-position',
  minPosition: 'parley-min-position',
} as const;

/** Largest request body of the command API, in bytes: 100 commands of 10,000 characters do not all fit, by intent. */
export const MAX_REQUEST_BYTES = 1024 * 1024;
