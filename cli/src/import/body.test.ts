import { commandSchemas } from '@parley/contracts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bodiesOf, shortText } from './body.ts';

const { body } = commandSchemas['message.send'].data.shape;
const anyText = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 200 })
  .map((units) => String.fromCharCode(...units));
const longText = fc
  .array(fc.oneof(anyText, fc.constantFrom(' ', '\n', '😀')), { minLength: 1, maxLength: 5 })
  .chain((parts) => fc.integer({ min: 1, max: 400 }).map((times) => parts.join('').repeat(times)));

test('whatever a text is, its bodies are ones that Parley takes, and together they are the text', () => {
  fc.assert(
    fc.property(fc.oneof(anyText, longText), (text) => {
      const bodies = bodiesOf(text);
      for (const each of bodies) expect(body.safeParse(each).success).toBe(true);
      const visible = (all: string): string => all.replace(/\s/g, '');
      const allowed = text.replace(/[^\P{Cc}\t\n\r]|\p{Cs}/gu, '\uFFFD');
      expect(visible(bodies.join(''))).toBe(visible(allowed));
      expect(bodies.flatMap(bodiesOf)).toEqual(bodies);
    }),
  );
});

test('a text that fits is one body, unchanged; a longer one is cut at a line end or a space', () => {
  const longest = 'x'.repeat(10_000);
  expect(bodiesOf(longest)).toEqual([longest]);
  expect(bodiesOf(`${longest}y`)).toEqual([longest, 'y']);
  expect(bodiesOf(`${'x'.repeat(9_500)}\n${'y'.repeat(300)} ${'z'.repeat(300)}`)).toEqual([
    `${'x'.repeat(9_500)}\n`,
    `${'y'.repeat(300)} ${'z'.repeat(300)}`,
  ]);
  expect(bodiesOf(`${'x'.repeat(9_999)}😀`)).toEqual(['x'.repeat(9_999), '😀']);
  expect(bodiesOf(' \n\t')).toEqual([]);
});

test('a name is cut to its length without half a character, and nothing is no name', () => {
  expect(shortText('  tea\u0000 ', 10)).toBe('tea\uFFFD');
  expect(shortText('abc😀', 4)).toBe('abc');
  expect(shortText('   ', 4)).toBeUndefined();
  expect(shortText(undefined, 4)).toBeUndefined();
});
