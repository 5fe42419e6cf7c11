import fc from 'fast-check';
import { expect, test } from 'vitest';
import { clipped, printable, safeJson } from './printable.ts';

const ESC = '\u001b';
/** Everything that a terminal could obey, with ordinary text around it. */
const hostile = fc.string({
  unit: fc.oneof(
    fc.constantFrom('a', ' ', 'é', '👩‍🚀', '"', '\\'),
    fc.constantFrom('\n', '\r', '\t', '\b', '\u0007', ESC, '\u007f', '\u0085', '\u009b', '\u009d'),
    fc.constantFrom('\u202e', '\u2066', '\u200f', '\u061c', '\u2028', '\ud800', '\udc00'),
  ),
});
const OBEYED = /[\p{Cc}\p{Cs}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

test('an escape sequence is shown and not obeyed', () => {
  expect(printable(`${ESC}[2Jgone${ESC}]0;title\u0007`)).toBe('\\u001b[2Jgone\\u001b]0;title\\u0007');
  expect(printable('one\ntwo\tthree')).toBe('one\\ntwo\\tthree');
});

test('text without such characters is left as it is, emoji and all', () => {
  expect(printable('Grüße 👩‍🚀 «שלום»')).toBe('Grüße 👩‍🚀 «שלום»');
});

test('nothing that a terminal obeys is left in a text, cut or not', () => {
  fc.assert(
    fc.property(hostile, fc.integer({ min: 1, max: 30 }), (text, characters) => {
      expect(printable(text)).not.toMatch(OBEYED);
      expect(clipped(text, characters)).not.toMatch(OBEYED);
    }),
  );
});

test('a long text is cut to whole characters', () => {
  expect(clipped('👩👩👩👩', 3)).toBe('👩👩…');
  expect(clipped('👩👩👩', 3)).toBe('👩👩👩');
});

test('JSON is safe on a terminal and parses to the same value', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ body: hostile })), (value) => {
      expect(safeJson(value)).not.toMatch(OBEYED);
      expect(safeJson(value, 2).replaceAll('\n', '')).not.toMatch(OBEYED);
      expect(JSON.parse(safeJson(value))).toEqual(value);
      expect(JSON.parse(safeJson(value, 2))).toEqual(value);
    }),
  );
});
