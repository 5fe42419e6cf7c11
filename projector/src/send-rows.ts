import type { PoolClient } from 'pg';
import { arrayLiteral } from './array-literal.ts';
import type { Statement } from './statements.ts';

/** The tables do not hold what the changes presume, so that writing them would hide a fault. */
export class RowsDisagree extends Error {
  override name = 'RowsDisagree';
}

/** Runs a statement over all rows at once, nothing for none; returns how many rows it touched. */
export async function sendRows<Row>(
  client: PoolClient,
  statement: Statement<Row>,
  rows: readonly Row[],
): Promise<number> {
  if (rows.length === 0) return 0;
  const values = statement.columns.map((column) => arrayLiteral(column, rows));
  const result = await client.query({ name: statement.name, text: statement.text, values });
  return result.rowCount ?? 0;
}

/**
 * Does what an INSERT does to the rows, in the client's open transaction; returns how many. Rows for which `isPlain` holds
 * are stored as they are wherever their key is not there yet; all are unless told.
 */
export type RowInserter = <Row>(
  client: PoolClient,
  statement: Statement<Row>,
  rows: readonly Row[],
  isPlain?: (row: Row) => boolean,
) => Promise<number>;
