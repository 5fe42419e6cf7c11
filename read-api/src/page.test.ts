import { ProblemError } from '@parley/runtime';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { cursorCount, cursorTime, decodeCursor, encodeCursor } from './page.ts';

const schema = z.tuple([cursorCount, cursorTime, z.string()]);

function refusal(cursor: string): unknown {
  try {
    decodeCursor(cursor, schema);
  } catch (error) {
    return error instanceof ProblemError ? error.extras.errors?.[0]?.path : error;
  }
  return 'accepted';
}

describe('a cursor', () => {
  test('gives back the key that it was made of, whatever text is in it', () => {
    const key = fc.tuple(
      fc.integer({ min: 0, max: 2_147_483_647 }),
      fc.integer({ min: 0, max: 253_402_300_799_999 }),
      fc.string({ unit: 'grapheme' }),
    );
    fc.assert(
      fc.property(key, (each) => {
        expect(decodeCursor(encodeCursor(each), schema)).toEqual(each);
      }),
    );
  });

  test('needs no escaping in a URL', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(encodeCursor([text])).toMatch(/^[\w-]+$/);
      }),
    );
  });

  test('that is missing means the first page', () => {
    expect(decodeCursor(undefined, schema)).toBeNull();
  });

  test.each([
    ['of another shape', encodeCursor(['a'])],
    ['with a part too many', encodeCursor([1, 2, 'a', 4])],
    ['with a count that Postgres cannot hold', encodeCursor([2 ** 31, 2, 'a'])],
    ['with a time that Postgres cannot hold', encodeCursor([1, Number.MAX_SAFE_INTEGER, 'a'])],
    ['with a negative count', encodeCursor([-1, 2, 'a'])],
    ['with a fraction', encodeCursor([1.5, 2, 'a'])],
    ['that is no JSON', Buffer.from('nonsense').toString('base64url')],
    ['that is no base64', '%%%%'],
    ['that is empty', ''],
    ['that is null', Buffer.from('null').toString('base64url')],
  ])('%s is refused by its name', (_what, cursor) => {
    expect(refusal(cursor)).toBe('cursor');
  });

  test('with one character changed never gives anything that the schema does not allow', () => {
    const original = encodeCursor([7, 1_700_000_000_000, 'alice']);
    fc.assert(
      fc.property(fc.nat(original.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, character) => {
        const tampered = original.slice(0, at) + character + original.slice(at + 1);
        try {
          expect(schema.safeParse(decodeCursor(tampered, schema)).success).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(ProblemError);
        }
      }),
    );
  });
});
