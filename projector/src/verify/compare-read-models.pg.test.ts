import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Client, type QueryResult } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { privatePostgres } from '../testing/database.ts';
import { type CompareOptions, compareReadModels, isEqual } from './compare-read-models.ts';
import { PAGE_ROWS } from './merge-rows.ts';
import { isSampledId } from './sample.ts';

const MIGRATIONS = fileURLToPath(new URL('../../migrations', import.meta.url));
const ROWS = 40;

interface Column {
  column_name: string;
  data_type: string;
  in_key: boolean;
}

/** A value of a column's type that tells numbers apart; texts are not in the order of their code units. */
const VALUES: Record<string, (number: string) => string> = {
  uuid: (n) => `lpad(to_hex(${n} * 7919), 32, '0')::uuid`,
  text: (n) => `(ARRAY['a', 'Ä "', '😀', '\uffee'])[1 + ${n} % 4] || ${n}`,
  integer: (n) => `${n}`,
  bigint: (n) => `${n} * 3`,
  boolean: (n) => `${n} % 2 = 0`,
  json: (n) => `json_build_object('a', ${n}, 'b', '\\u0000')`,
  jsonb: (n) => `jsonb_build_object('a', ${n})`,
  ARRAY: (n) => `ARRAY['x, "', ${n}::text]`,
  'timestamp with time zone': (n) => `timestamptz 'epoch' + ${n} * interval '1 day'`,
};

let postgres: Awaited<ReturnType<typeof privatePostgres>>;
let left: Client;
let right: Client;
let tables: Map<string, Column[]>;

beforeAll(async () => {
  postgres = await privatePostgres();
  const url = await postgres.readModel();
  left = new Client({ connectionString: url });
  right = new Client({ connectionString: url });
  await Promise.all([left.connect(), right.connect()]);
  for (const file of readdirSync(MIGRATIONS).filter((name) => name.endsWith('.sql'))) {
    const text = readFileSync(`${MIGRATIONS}/${file}`, 'utf8').replaceAll('"read_model"', '"other"');
    await left.query(text.replaceAll('read_model.', 'other.'));
  }
  tables = await tablesOf(left);
  for (const schema of ['read_model', 'other']) {
    for (const table of tables.keys()) await fill(left, `${schema}.${table}`, 1, ROWS);
  }
});
afterAll(async () => {
  await Promise.all([left?.end(), right?.end()]);
  await postgres?.stop();
});

async function tablesOf(client: Client): Promise<Map<string, Column[]>> {
  const { rows } = await client.query<Column & { table_name: string }>(
    `SELECT c.table_name, c.column_name, c.data_type, k.column_name IS NOT NULL AS in_key
       FROM information_schema.columns c
       LEFT JOIN information_schema.key_column_usage k USING (table_schema, table_name, column_name)
      WHERE c.table_schema = 'read_model' AND c.is_generated = 'NEVER'
        AND c.table_name NOT IN ('checkpoints', 'dead_letters')`,
  );
  const found = new Map<string, Column[]>();
  for (const { table_name, ...column } of rows)
    found.set(table_name, [...(found.get(table_name) ?? []), column]);
  return found;
}

async function fill(client: Client, table: string, from: number, to: number): Promise<void> {
  const columns = tables.get(table.split('.')[1] ?? '') ?? [];
  const values = columns.map(({ data_type }) => VALUES[data_type]?.('i') ?? 'null');
  await client.query(
    `INSERT INTO ${table} (${columns.map(({ column_name }) => `"${column_name}"`)})
     SELECT ${values} FROM generate_series(${from}, ${to}) AS i`,
  );
}

/** What is changed in `read_model` before both sides are compared is undone afterwards. */
async function compared(change: string, options: Partial<CompareOptions> = {}) {
  await left.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  await right.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  try {
    if (change) expect((await left.query(change)).rowCount).toBe(1);
    const sides = { left: { client: left, schema: 'read_model' }, right: { client: right, schema: 'other' } };
    return await compareReadModels({ ...sides, ...options });
  } finally {
    await left.query('ROLLBACK');
    await right.query('ROLLBACK');
  }
}

const unequal = (comparisons: Awaited<ReturnType<typeof compared>>) =>
  comparisons.filter((comparison) => !isEqual(comparison));

it('equal read models compare equal, every table is told once', async () => {
  const told: string[] = [];
  const comparisons = await compared('', { onTable: ({ table }) => told.push(table) });
  expect(unequal(comparisons)).toEqual([]);
  expect(comparisons.map(({ rows }) => rows)).toEqual([...tables].map(() => ({ left: ROWS, right: ROWS })));
  expect(told).toEqual([...tables.keys()].sort());
});

it('a corrupted, a missing and an extra row are found in every table, with the key and the columns', async () => {
  for (const [table, columns] of tables) {
    const key = columns.filter(({ in_key }) => in_key);
    const is = (number: number) =>
      key.map(({ column_name, data_type }) => `"${column_name}" = ${VALUES[data_type]?.(String(number))}`);
    const where = is(17).join(' AND ');
    const names = columns.map(({ column_name }) => column_name).sort();

    const [missing, ...others] = unequal(await compared(`DELETE FROM read_model.${table} WHERE ${where}`));
    expect(others).toEqual([]);
    expect(missing).toMatchObject({ table, missing: 1, extra: 0, different: 0, first: { kind: 'missing' } });
    const { rows } = await left.query(
      `SELECT ${key.map(({ column_name }) => `"${column_name}"::text`)} FROM read_model.${table} WHERE ${where}`,
    );
    expect(missing?.first?.key).toEqual(rows[0]);
    expect(missing?.first?.left).toBeNull();
    expect(Object.keys(missing?.first?.right ?? {}).sort()).toEqual(names);

    const values = columns.map(({ data_type }) => VALUES[data_type]?.('99'));
    const quoted = columns.map(({ column_name }) => `"${column_name}"`);
    const [extra] = unequal(await compared(`INSERT INTO read_model.${table} (${quoted}) SELECT ${values}`));
    expect(extra).toMatchObject({ table, missing: 0, extra: 1, different: 0, first: { kind: 'extra' } });
    expect(extra?.rows).toEqual({ left: ROWS + 1, right: ROWS });
    expect(extra?.first?.right).toBeNull();

    for (const { column_name, data_type } of columns.filter(({ in_key }) => !in_key)) {
      const is17 = VALUES[data_type]?.('17');
      const other = data_type === 'boolean' ? `NOT (${is17})` : VALUES[data_type]?.('1000');
      const [different] = unequal(
        await compared(`UPDATE read_model.${table} SET "${column_name}" = ${other} WHERE ${where}`),
      );
      expect(different, `${table}.${column_name}`).toMatchObject({
        table,
        missing: 0,
        extra: 0,
        different: 1,
      });
      expect(different?.first).toMatchObject({ kind: 'different', key: rows[0], columns: [column_name] });
    }
  }
});

it('null and empty text are not the same', async () => {
  const comparisons = await compared(
    `UPDATE read_model.conversations SET title = NULL WHERE id = (SELECT min(id::text)::uuid FROM read_model.conversations)`,
  );
  expect(unequal(comparisons)).toMatchObject([{ table: 'conversations', first: { columns: ['title'] } }]);
});

it('with a sample only rows of sampled conversations and users are compared', async () => {
  const { rows } = await left.query<{ id: string }>('SELECT id FROM read_model.conversations');
  const inside = rows.filter(({ id }) => isSampledId(id, 40));
  const outside = rows.find(({ id }) => !isSampledId(id, 40));
  const rename = (id?: string) => `UPDATE read_model.conversations SET title = 'x' WHERE id = '${id}'`;
  const options = { sample: 40, tables: ['conversations'] };
  expect(unequal(await compared(rename(outside?.id), options))).toEqual([]);
  const [comparison] = await compared(rename(inside[0]?.id), options);
  expect(comparison).toMatchObject({ different: 1, rows: { left: inside.length, right: inside.length } });
});

it('read models of different releases are refused', async () => {
  await left.query('ALTER TABLE other.pins ADD COLUMN more int');
  try {
    await expect(compared('')).rejects.toThrow(/not have the same tables/);
  } finally {
    await left.query('ALTER TABLE other.pins DROP COLUMN more');
  }
});

describe('large tables that differ everywhere', () => {
  const many = 5 * PAGE_ROWS;
  beforeEach(async () => {
    await left.query('TRUNCATE read_model.mentions, other.mentions');
    await fill(left, 'read_model.mentions', 1, many);
    await fill(left, 'other.mentions', 1, many);
    await left.query(`DELETE FROM read_model.mentions WHERE ordinal % 7 = 0`);
    await left.query(`UPDATE read_model.mentions SET sequence = 1 WHERE ordinal % 7 = 1`);
    await left.query(`DELETE FROM other.mentions WHERE ordinal % 7 = 2`);
  });

  it('are counted exactly with one page of each in memory', async () => {
    let largest = 0;
    const watched = Object.create(right, {
      query: {
        value: async (...query: [string, unknown[]]): Promise<QueryResult> => {
          const result = await right.query(...query);
          largest = Math.max(largest, result.rows.length);
          return result;
        },
      },
    }) as Client;
    const [comparison] = await compared('', {
      tables: ['mentions'],
      right: { client: watched, schema: 'other' },
    });
    const each = (rest: number) => Math.floor((many - rest) / 7) + (rest === 0 ? 0 : 1);
    expect(comparison).toMatchObject({ missing: each(0), different: each(1), extra: each(2) });
    expect(largest).toBe(PAGE_ROWS);
  });
});
