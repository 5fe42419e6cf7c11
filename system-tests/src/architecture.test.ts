import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const text = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8');
const invariants = [...text.matchAll(/^\| (I\d+) \|.*\| `([^`]+)`: "([^"]+)" \|$/gm)].map(
  ([, number = '', file = '', title = '']) => ({ number, file, title }),
);

test('every invariant is numbered in order', () => {
  expect(invariants.length).toBe(text.match(/^\| I\d+ \|/gm)?.length);
  expect(invariants.map(({ number }) => number)).toEqual(invariants.map((_, index) => `I${index + 1}`));
});

test.each(invariants)('$number names a test that exists in $file', ({ file, title }) => {
  expect(readFileSync(join(root, file), 'utf8')).toContain(title);
});

test.each([...new Set([...text.matchAll(/`((?:[a-z-]+\/)+[\w.-]+\.ts)`/g)].map(([, file = '']) => file))])(
  'the path of a message names %s, which exists',
  (file) => {
    const packages = [
      '',
      'command-api/src',
      'projector/src',
      'realtime-gateway/src',
      'runtime/src',
      'read-api/src',
      'notifier/src',
      'client/src',
    ];
    const found = packages.some((folder) => {
      try {
        return readFileSync(join(root, folder, file)).length > 0;
      } catch {
        return false;
      }
    });
    expect(found).toBe(true);
  },
);

/** Rules `| C1 | what | tests |` of the SDK; titles are quoted, long ones by their beginning. */
const rules = [
  ...readFileSync(join(root, 'client/SPEC.md'), 'utf8').matchAll(/^\| ([CFPO]\d+) \|.*\| (.*) \|$/gm),
].map(([, rule = '', cell = '']) => ({
  rule,
  titles: [...cell.matchAll(/"([^"]+)"/g)].map(([, title]) => title),
}));

test('every rule of the SDK names tests that exist', () => {
  const folder = join(root, 'client/src');
  const tests = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    // The scenarios that run in Node and in Chromium are a list beside their test.
    .filter((file) => file.endsWith('.test.ts') || file.endsWith('testing/scenarios.ts'))
    .map((file) => readFileSync(join(folder, file), 'utf8'))
    .join('\n');
  expect(rules.length).toBeGreaterThan(20);
  const missing = rules.flatMap(({ rule, titles }) =>
    titles
      .filter((title = '') => !tests.includes(title.replace('…', '')))
      .map((title) => `${rule}: ${title}`),
  );
  expect(missing).toEqual([]);
});
