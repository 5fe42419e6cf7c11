import { createPool } from '@parley/runtime';
import fc from 'fast-check';
import type { Pool } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { arrayLiteral } from './array-literal.ts';
import { logger, privatePostgres } from './testing/database.ts';

let postgres: Awaited<ReturnType<typeof privatePostgres>>;
let pool: Pool;
beforeAll(async () => {
  postgres = await privatePostgres();
  pool = createPool({ url: postgres.server.adminUrl, name: 'test', logger });
});
afterAll(async () => {
  await pool?.end();
  await postgres?.stop();
});

it('comes back from Postgres as it was, whatever the text', async () => {
  const awkward = fc.constantFrom(
    '',
    ' ',
    'NULL',
    'null',
    '{}',
    '"',
    '\\',
    '\\"',
    ',',
    "'",
    'a,b',
    '{a}',
    '\n\t',
    'a\0b',
    '\u{1f44b}',
  );
  const text = fc.oneof(awkward, fc.string({ unit: 'grapheme' }));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.option(text), { maxLength: 20 }), async (texts) => {
      const literal = arrayLiteral({ text: (each: string | null) => each }, texts);
      const { rows } = await pool.query('SELECT $1::text[] AS back', [literal]);
      expect(rows[0].back).toEqual(texts.map((each) => each?.replaceAll('\0', '\ufffd') ?? null));
    }),
    { numRuns: 200 },
  );
});

it('holds numbers and nothing', async () => {
  const literal = arrayLiteral({ plain: (each: number | null) => each }, [1, null, -2]);
  const { rows } = await pool.query('SELECT $1::int[] AS back', [literal]);
  expect(rows[0].back).toEqual([1, null, -2]);
});
