import {
  type DescribedTable,
  type KeyColumn,
  quoted,
  type ReadModelSide,
  rowText,
  sourceOf,
} from './described-tables.ts';

/** Values by column, as Postgres prints them. */
export type PrintedRow = Record<string, string | null>;

/** `missing`: only the right side has the row; `extra`: only the left; `different`: other values under the same key. */
export interface RowDifference {
  kind: 'missing' | 'extra' | 'different';
  key: PrintedRow;
  /** Whose values differ. */
  columns: string[];
  left: PrintedRow | null;
  right: PrintedRow | null;
}

export interface RowDifferences {
  missing: number;
  extra: number;
  different: number;
  /** In the order of the primary key. */
  first: RowDifference | null;
}

interface MergeOptions {
  left: ReadModelSide;
  right: ReadModelSide;
  table: DescribedTable;
  sample: number;
}

/** Bounds the memory of a comparison: two of a key and a hash each, whatever the tables' size. */
export const PAGE_ROWS = 5_000;

interface HashedRow {
  key: string[];
  hash: string;
}

/** Goes through both sides in the order of the primary key. Postgres sorts, on disk when a table is large. */
export async function mergeRows(options: MergeOptions): Promise<RowDifferences> {
  const { left, right, table, sample } = options;
  const found: RowDifferences = { missing: 0, extra: 0, different: 0, first: null };
  let first: { kind: RowDifference['kind']; key: string[] } | null = null;
  const note = (kind: RowDifference['kind'], { key }: HashedRow): void => {
    found[kind] += 1;
    first ??= { kind, key };
  };
  const ours = hashedRows(left, 'parley_compare_left', table, sample);
  const theirs = hashedRows(right, 'parley_compare_right', table, sample);
  let [live, wanted] = [await ours.next(), await theirs.next()];
  while (!live.done || !wanted.done) {
    const order = live.done ? 1 : wanted.done ? -1 : compareKeys(table.key, live.value.key, wanted.value.key);
    if (order < 0 && !live.done) note('extra', live.value);
    if (order > 0 && !wanted.done) note('missing', wanted.value);
    if (order === 0 && live.value?.hash !== wanted.value?.hash && !live.done) note('different', live.value);
    if (order <= 0) live = await ours.next();
    if (order >= 0) wanted = await theirs.next();
  }
  return { ...found, first: first && (await describe(options, first)) };
}

/** Bytes of the text decide, as in `COLLATE "C"`: JavaScript's own order of texts is another one. */
function compareKeys(
  columns: readonly KeyColumn[],
  left: readonly string[],
  right: readonly string[],
): number {
  for (const [place, { numeric }] of columns.entries()) {
    const [a = '', b = ''] = [left[place], right[place]];
    if (a === b) continue;
    return numeric ? Number(a) - Number(b) : Buffer.compare(Buffer.from(a), Buffer.from(b));
  }
  return 0;
}

async function* hashedRows(
  { client, schema }: ReadModelSide,
  cursor: string,
  table: DescribedTable,
  sample: number,
): AsyncGenerator<HashedRow, undefined> {
  const { name, key } = table;
  const texts = key.map((column) => `${quoted(column.name)}::text`).join(', ');
  const order = key.map(({ name, numeric }) =>
    numeric ? quoted(name) : `(${quoted(name)}::text) COLLATE "C"`,
  );
  await client.query(
    `DECLARE ${cursor} NO SCROLL CURSOR FOR
     SELECT ARRAY[${texts}] AS key, md5(${rowText(table)}) AS hash
       FROM ${sourceOf(name, schema, sample)} ORDER BY ${order.join(', ')}`,
  );
  for (;;) {
    const { rows } = await client.query<HashedRow>(`FETCH ${PAGE_ROWS} FROM ${cursor}`);
    yield* rows;
    if (rows.length < PAGE_ROWS) break;
  }
  await client.query(`CLOSE ${cursor}`);
  return undefined;
}

async function describe(
  { left, right, table }: MergeOptions,
  { kind, key }: { kind: RowDifference['kind']; key: string[] },
): Promise<RowDifference> {
  const ours = await printedRow(left, table, key);
  const theirs = await printedRow(right, table, key);
  const columns = table.columns.filter((column) => ours?.[column] !== theirs?.[column]);
  const named = Object.fromEntries(table.key.map(({ name }, place) => [name, key[place] ?? null]));
  return { kind, key: named, columns, left: ours, right: theirs };
}

async function printedRow(
  { client, schema }: ReadModelSide,
  { name, columns, key }: DescribedTable,
  values: readonly string[],
): Promise<PrintedRow | null> {
  const printed = columns.map((column) => `${quoted(column)}::text AS ${quoted(column)}`).join(', ');
  const where = key
    .map((column, place) => `${quoted(column.name)} = $${place + 1}::${column.type}`)
    .join(' AND ');
  const { rows } = await client.query<PrintedRow>(
    `SELECT ${printed} FROM ${quoted(schema)}.${quoted(name)} WHERE ${where}`,
    [...values],
  );
  return rows[0] ?? null;
}
