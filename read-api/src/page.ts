import { ProblemError } from '@parley/runtime';
import { z } from 'zod';

/** Ranges that Postgres takes: a cursor is the client's input, whatever it says of itself. */
export const cursorCount = z.int().min(0).max(2_147_483_647);
/** Milliseconds since 1970, up to the year 9999. */
export const cursorTime = z.int().min(0).max(253_402_300_799_999);
export const cursorSequence = z.int().min(0);

/** Cursors are opaque to clients: the sort key of the last row, encoded. A cursor that we did not make is a 400. */
export function encodeCursor(key: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url');
}

export function decodeCursor<T>(cursor: string | undefined, schema: z.ZodType<T>): T | null {
  if (cursor === undefined) return null;
  const parsed = schema.safeParse(parseJson(Buffer.from(cursor, 'base64url').toString()));
  if (parsed.success) return parsed.data;
  throw new ProblemError('invalid-request', {
    errors: [{ path: 'cursor', message: 'not a cursor of this list: take it from `nextCursor`' }],
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The page of `limit` rows and its cursor, when one row more was asked for than fits. */
export function pageOf<R>(
  rows: readonly R[],
  limit: number,
  keyOf: (row: R) => readonly (string | number)[],
): { page: readonly R[]; nextCursor: string | null } {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return { page, nextCursor: rows.length > limit && last !== undefined ? encodeCursor(keyOf(last)) : null };
}

/** A range of ordinals, both ends included. Ordinals are dense, so a page is a range and needs no search. */
export interface OrdinalRange {
  from: number;
  to: number;
}

/** What a reader may see of the messages; none when `first > last`. */
export interface History {
  first: number;
  last: number;
}

/** The page that `before`, `after` or `around` asks for; the newest when none is given. Empty when `from > to`. */
export function messageRange(
  query: {
    before?: number | undefined;
    after?: number | undefined;
    around?: number | undefined;
    limit: number;
  },
  { first, last }: History,
): OrdinalRange {
  const { before, after, around, limit } = query;
  if (after !== undefined) {
    const from = Math.min(Math.max(after + 1, first), last + 1);
    return { from, to: Math.min(from + limit - 1, last) };
  }
  if (around !== undefined) {
    const from = Math.max(first, Math.min(around - Math.floor(limit / 2), last - limit + 1));
    return { from, to: Math.min(from + limit - 1, last) };
  }
  const to = Math.max(Math.min(before ?? last + 1, last + 1), first) - 1;
  return { from: Math.max(first, to - limit + 1), to };
}
