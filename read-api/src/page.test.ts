import { ProblemError } from '@parley/runtime';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  cursorCount,
  cursorTime,
  decodeCursor,
  encodeCursor,
  messageRange,
  type OrdinalRange,
} from './page.ts';

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

const history = fc
  .tuple(fc.nat(40), fc.nat(300))
  .map(([before, count]) => ({ first: before + 1, last: before + count }));
const limit = fc.integer({ min: 1, max: 200 });
const ordinal = fc.oneof(fc.nat(360), fc.constantFrom(0, 1, 2 ** 31, Number.MAX_SAFE_INTEGER));
const ordinals = ({ from, to }: OrdinalRange) =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
const all = ({ first, last }: { first: number; last: number }) => ordinals({ from: first, to: last });

describe('a page of messages', () => {
  test('backwards from the newest tiles what may be seen exactly', () => {
    fc.assert(
      fc.property(history, limit, (seen, size) => {
        const found: number[] = [];
        let page = ordinals(messageRange({ limit: size }, seen));
        while (page.length > 0) {
          found.unshift(...page);
          page = ordinals(messageRange({ before: page[0], limit: size }, seen));
        }
        expect(found).toEqual(all(seen));
      }),
    );
  });

  test('forwards from the start tiles what may be seen exactly', () => {
    fc.assert(
      fc.property(history, limit, (seen, size) => {
        const found: number[] = [];
        let page = ordinals(messageRange({ after: 0, limit: size }, seen));
        while (page.length > 0) {
          found.push(...page);
          page = ordinals(messageRange({ after: page.at(-1), limit: size }, seen));
        }
        expect(found).toEqual(all(seen));
      }),
    );
  });

  test('around an ordinal is full where the history is long enough, and holds the ordinal', () => {
    fc.assert(
      fc.property(history, limit, ordinal, (seen, size, around) => {
        const page = ordinals(messageRange({ around, limit: size }, seen));
        expect(page).toHaveLength(Math.min(size, all(seen).length));
        if (around >= seen.first && around <= seen.last) expect(page).toContain(around);
      }),
    );
  });

  test('stays within what may be seen and the limit, whatever is asked for', () => {
    const key = fc.constantFrom('before', 'after', 'around');
    fc.assert(
      fc.property(history, limit, key, ordinal, (seen, size, name, value) => {
        const { from, to } = messageRange({ [name]: value, limit: size }, seen);
        expect(from).toBeGreaterThanOrEqual(seen.first);
        expect(from).toBeLessThanOrEqual(seen.last + 1);
        expect(to).toBeGreaterThanOrEqual(seen.first - 1);
        expect(to).toBeLessThanOrEqual(seen.last);
        expect(to - from + 1).toBeLessThanOrEqual(size);
      }),
    );
  });

  test.each([
    ['before the first', { before: 3 }, []],
    ['before ordinal 0', { before: 0 }, []],
    ['before the second', { before: 4 }, [3]],
    ['before what is not sent yet', { before: 99 }, [8, 9, 10]],
    ['after the start', { after: 0 }, [3, 4, 5]],
    ['after the last but one', { after: 9 }, [10]],
    ['after the last', { after: 10 }, []],
    ['around what is gone', { around: 1 }, [3, 4, 5]],
    ['around one in the middle', { around: 5 }, [4, 5, 6]],
    ['around the last', { around: 10 }, [8, 9, 10]],
    ['the newest', {}, [8, 9, 10]],
  ])('three of messages 3 to 10 %s', (_where, query, expected) => {
    expect(ordinals(messageRange({ ...query, limit: 3 }, { first: 3, last: 10 }))).toEqual(expected);
  });

  test.each([{}, { before: 5 }, { after: 0 }, { around: 1 }])('of nothing is empty: %j', (query) => {
    expect(ordinals(messageRange({ ...query, limit: 3 }, { first: 8, last: 7 }))).toEqual([]);
  });
});
