import {
  type DescribedTable,
  describeTables,
  type ReadModelSide,
  rowText,
  sourceOf,
} from './described-tables.ts';
import { mergeRows, type RowDifferences } from './merge-rows.ts';

/** What differs between the rows of one table on both sides; `left` is the one in doubt, `right` what should be. */
export interface TableComparison extends RowDifferences {
  table: string;
  rows: { left: number; right: number };
}

export interface CompareOptions {
  left: ReadModelSide;
  right: ReadModelSide;
  /** Percent of conversations and users whose rows are compared; all unless told. */
  sample?: number;
  /** Only these; all that a fold fills unless told. */
  tables?: readonly string[];
  /** Told after each table. */
  onTable?: (comparison: TableComparison) => void;
}

const NO_DIFFERENCE: RowDifferences = { missing: 0, extra: 0, different: 0, first: null };

/**
 * Compares two read models table by table: first by count and sums of hashes, and only where those are unequal row by
 * row, a page of each side in memory. Both clients must be in transactions that see a fixed state (REPEATABLE READ or
 * locks), and have the same settings but for the time zone, which is set for the transaction. Values are compared as
 * Postgres prints them. Throws when the tables themselves are not the same.
 */
export async function compareReadModels(options: CompareOptions): Promise<TableComparison[]> {
  const { left, right, sample = 100, onTable } = options;
  const tables = await tablesOfBoth(options);
  for (const { client } of [left, right]) await client.query(`SET LOCAL TimeZone = 'UTC'`);
  const comparisons: TableComparison[] = [];
  for (const table of tables) {
    const [live, wanted] = await Promise.all([
      summarise(left, table, sample),
      summarise(right, table, sample),
    ]);
    const equal = live.rows === wanted.rows && live.sums === wanted.sums;
    const differences = equal ? NO_DIFFERENCE : await mergeRows({ left, right, table, sample });
    const rows = { left: live.rows, right: wanted.rows };
    const comparison = { table: table.name, rows, ...differences };
    comparisons.push(comparison);
    onTable?.(comparison);
  }
  return comparisons;
}

export function isEqual({ missing, extra, different }: TableComparison): boolean {
  return missing + extra + different === 0;
}

async function tablesOfBoth({ left, right, tables: wanted }: CompareOptions): Promise<DescribedTable[]> {
  const [ours, theirs] = await Promise.all([describeTables(left), describeTables(right)]);
  const asText = (tables: DescribedTable[]): string =>
    JSON.stringify(tables.map(({ name, columns }) => [name, columns.toSorted()]));
  if (ours.length === 0 || asText(ours) !== asText(theirs)) {
    throw new Error(
      `${left.schema} and ${right.schema} do not have the same tables: one is of another release and has to be migrated first`,
    );
  }
  const unknown = wanted?.find((name) => !ours.some((table) => table.name === name));
  if (unknown !== undefined) throw new Error(`There is no table ${unknown} that is compared`);
  // The right side tells the key: a read model in use may have lost it.
  return theirs.filter(({ name }) => wanted?.includes(name) ?? true);
}

/** OFFSET 0 keeps the row's text from being made twice; it does not stand in the way of parallel workers. */
async function summarise({ client, schema }: ReadModelSide, table: DescribedTable, sample: number) {
  const { rows } = await client.query<{ rows: string; sums: string }>(
    `SELECT count(*) AS rows,
            concat_ws('/', sum(hashtextextended(line, 0)), sum(hashtextextended(line, 1))) AS sums
       FROM (SELECT ${rowText(table)} AS line FROM ${sourceOf(table.name, schema, sample)} OFFSET 0) AS lines`,
  );
  return { rows: Number(rows[0]?.rows), sums: rows[0]?.sums };
}
