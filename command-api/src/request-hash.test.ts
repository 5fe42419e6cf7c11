import fc from 'fast-check';
import { expect, test } from 'vitest';
import { requestHash } from './request-hash.ts';

const shuffled = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(shuffled);
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, field]) => [key, shuffled(field)]),
  );
};

test('equal requests have one hash, whatever the order of their fields', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (data) => {
      expect(requestHash('t', 'anna', shuffled(data))).toBe(requestHash('t', 'anna', data));
    }),
  );
});

test('requests that differ in type, actor or anywhere in their data have different ones', () => {
  const requests: [string, string, unknown][] = [
    ['t', 'anna', { a: 1 }],
    ['u', 'anna', { a: 1 }],
    ['t', 'ben', { a: 1 }],
    ['t', 'anna', { a: '1' }],
    ['t', 'anna', { b: 1 }],
    ['t', 'anna', [['a', 1]]],
    ['t', 'anna', { a: { b: 1 } }],
    ['t', 'anna', { a: [1, 2] }],
    ['t', 'anna', { a: [2, 1] }],
    ['t', 'anna', {}],
    ['t', 'anna', []],
  ];
  const hashes = requests.map((request) => requestHash(...request));
  expect(new Set(hashes).size).toBe(requests.length);
});
