export interface TokenRequest {
  sub: string;
  roles: string[];
  segments: string[];
  scopes: string[];
  device: string;
  /** A renewed token belongs to the session of the one before; left out, it is a new session. */
  session?: string;
  ttlSeconds: number;
}

export interface FieldError {
  path: string;
  message: string;
}

export type Parsed<T> = { ok: true; value: T } | { ok: false; errors: FieldError[] };

const hour = 3_600;
const maximumTtl = 30 * 24 * hour;
const known = new Set(['sub', 'roles', 'segments', 'scopes', 'device', 'session', 'ttlSeconds']);

/** Reads the body of `POST /token`; only `sub` is required. */
export function parseTokenRequest(body: unknown): Parsed<TokenRequest> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return { ok: false, errors: [{ path: '', message: 'must be a JSON object' }] };
  }
  const {
    sub,
    roles = [],
    segments = [],
    scopes = [],
    device = 'default',
    session,
    ttlSeconds = hour,
  } = body as Record<string, unknown>;
  const errors = [
    ...unknownFields(body),
    ...identifier('sub', sub),
    ...identifier('device', device),
    ...(session === undefined ? [] : identifier('session', session)),
    ...names('roles', roles),
    ...names('segments', segments),
    ...names('scopes', scopes),
    ...seconds(ttlSeconds),
  ];
  if (errors.length > 0) return { ok: false, errors };
  const value = {
    sub,
    roles,
    segments,
    scopes,
    device,
    ttlSeconds,
    ...(session !== undefined && { session }),
  };
  return { ok: true, value: value as TokenRequest };
}

function unknownFields(body: object): FieldError[] {
  const extra = Object.keys(body).filter((name) => !known.has(name));
  return extra.map((path) => ({ path, message: 'is not a field of a token request' }));
}

function identifier(path: string, value: unknown): FieldError[] {
  if (isName(value)) return [];
  return [{ path, message: 'must be a string of 1 to 128 bytes without control characters' }];
}

function names(path: string, value: unknown): FieldError[] {
  if (!Array.isArray(value) || value.length > 100)
    return [{ path, message: 'must be an array of at most 100 strings' }];
  return value.flatMap((each, index) => identifier(`${path}.${index}`, each));
}

function seconds(value: unknown): FieldError[] {
  if (Number.isInteger(value) && Number(value) >= 1 && Number(value) <= maximumTtl) return [];
  return [{ path: 'ttlSeconds', message: `must be a whole number from 1 to ${maximumTtl}` }];
}

function isName(value: unknown): boolean {
  if (typeof value !== 'string' || /[\p{Cc}\p{Cs}]/u.test(value)) return false;
  const bytes = Buffer.byteLength(value);
  return bytes >= 1 && bytes <= 128;
}
