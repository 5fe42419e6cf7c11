import { ProblemError } from '@parley/runtime';
import { z } from 'zod';

/** Ranges that Postgres takes: a cursor is the client's input, whatever it says of itself. */
export const cursorCount = z.int().min(0).max(2_147_483_647);
/** Milliseconds since 1970, up to the year 9999. */
export const cursorTime = z.int().min(0).max(253_402_300_799_999);

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
