import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { maySee, messageRange } from './visibility.ts';

describe('maySee', () => {
  test.each(['direct', 'group', 'channel'] as const)('a member sees a %s', (type) => {
    expect(maySee(type, true)).toBe(true);
  });

  test('who is not a member sees a channel, and no direct or group', () => {
    expect(maySee('channel', false)).toBe(true);
    expect(maySee('direct', false)).toBe(false);
    expect(maySee('group', false)).toBe(false);
  });
});

const count = fc.nat(300);
const limit = fc.integer({ min: 1, max: 200 });
const ordinal = fc.oneof(fc.nat(320), fc.constantFrom(0, 1, 2 ** 31, Number.MAX_SAFE_INTEGER));
const span = (from: number, to: number) =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);
const ordinals = ({ from, to }: { from: number; to: number }) => span(from, to);

describe('messageRange', () => {
  test('pages backwards from the newest tile the history exactly', () => {
    fc.assert(
      fc.property(count, limit, (messages, size) => {
        const seen: number[] = [];
        let page = ordinals(messageRange({ limit: size }, messages));
        while (page.length > 0) {
          seen.unshift(...page);
          page = ordinals(messageRange({ before: page[0], limit: size }, messages));
        }
        expect(seen).toEqual(span(1, messages));
      }),
    );
  });

  test('pages forwards from the start tile the history exactly', () => {
    fc.assert(
      fc.property(count, limit, (messages, size) => {
        const seen: number[] = [];
        let page = ordinals(messageRange({ after: 0, limit: size }, messages));
        while (page.length > 0) {
          seen.push(...page);
          page = ordinals(messageRange({ after: page.at(-1), limit: size }, messages));
        }
        expect(seen).toEqual(span(1, messages));
      }),
    );
  });

  test('a page around an ordinal is full where the history is long enough, and holds the ordinal', () => {
    fc.assert(
      fc.property(count, limit, ordinal, (messages, size, around) => {
        const page = ordinals(messageRange({ around, limit: size }, messages));
        expect(page).toHaveLength(Math.min(size, messages));
        if (around >= 1 && around <= messages) expect(page).toContain(around);
      }),
    );
  });

  test('whatever is asked for, a range stays within the history and the limit, and in Postgres integers', () => {
    const key = fc.constantFrom('before', 'after', 'around');
    fc.assert(
      fc.property(count, limit, key, ordinal, (messages, size, name, value) => {
        const { from, to } = messageRange({ [name]: value, limit: size }, messages);
        expect(from).toBeGreaterThanOrEqual(1);
        expect(from).toBeLessThanOrEqual(messages + 1);
        expect(to).toBeGreaterThanOrEqual(0);
        expect(to).toBeLessThanOrEqual(messages);
        expect(to - from + 1).toBeLessThanOrEqual(size);
      }),
    );
  });

  test.each([
    ['before the first', { before: 1 }, []],
    ['before ordinal 0', { before: 0 }, []],
    ['before the second', { before: 2 }, [1]],
    ['before what is not sent yet', { before: 99 }, [8, 9, 10]],
    ['after the start', { after: 0 }, [1, 2, 3]],
    ['after the last but one', { after: 9 }, [10]],
    ['after the last', { after: 10 }, []],
    ['around the first', { around: 1 }, [1, 2, 3]],
    ['around one in the middle', { around: 5 }, [4, 5, 6]],
    ['around the last', { around: 10 }, [8, 9, 10]],
    ['the newest', {}, [8, 9, 10]],
  ])('three of ten messages %s', (_where, query, expected) => {
    expect(ordinals(messageRange({ ...query, limit: 3 }, 10))).toEqual(expected);
  });

  test.each([{}, { before: 5 }, { after: 0 }, { around: 1 }])(
    'of an empty conversation is empty: %j',
    (query) => {
      expect(ordinals(messageRange({ ...query, limit: 3 }, 0))).toEqual([]);
    },
  );
});
