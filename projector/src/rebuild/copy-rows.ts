import { pipeline } from 'node:stream/promises';
import type { PoolClient } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { Column } from '../array-literal.ts';
import { sendRows } from '../send-rows.ts';
import type { Statement } from '../statements.ts';

/** Rows of one message to Postgres: some hundred kilobytes. */
const CHUNK_ROWS = 1_000;

/**
 * A RowInserter that adds plain rows by COPY. All others, and everything when COPY is refused, go to the statement: the
 * tables, and what is told of rows that they do not take, are as without COPY.
 */
export async function copyRows<Row>(
  client: PoolClient,
  statement: Statement<Row>,
  rows: readonly Row[],
  isPlain: (row: Row) => boolean = () => true,
): Promise<number> {
  const plain = rows.filter(isPlain);
  if (plain.length === 0) return sendRows(client, statement, rows);
  const { into, columns } = targetOf(statement);
  await client.query('SAVEPOINT before_copy');
  try {
    await pipeline(chunksOf(columns, plain), client.query(copyFrom(`COPY ${into} FROM STDIN`)));
  } catch {
    // When the connection is lost this says so.
    await client.query('ROLLBACK TO SAVEPOINT before_copy');
    return sendRows(client, statement, rows);
  }
  if (plain.length === rows.length) return rows.length;
  const others = rows.filter((row) => !isPlain(row));
  return plain.length + (await sendRows(client, statement, others));
}

const TARGET = /^INSERT INTO (\w+ \(([^)]+)\))/;

/** Table and columns as the statement has them; values behind those of the columns are only for its conditions. */
function targetOf<Row>({ name, text, columns }: Statement<Row>): {
  into: string;
  columns: readonly Column<Row>[];
} {
  const [, into, names] = TARGET.exec(text) ?? [];
  if (into === undefined || names === undefined) throw new Error(`${name} does not begin with its columns`);
  return { into, columns: columns.slice(0, names.split(',').length) };
}

function* chunksOf<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): Generator<string> {
  for (let begin = 0; begin < rows.length; begin += CHUNK_ROWS) {
    yield copyText(columns, rows.slice(begin, begin + CHUNK_ROWS));
  }
}

function copyText<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const values = columns.map((column) => ('text' in column ? column.text : column.plain));
  let text = '';
  for (const row of rows) {
    let separator = '';
    for (const value of values) {
      text += separator + escaped(value(row));
      separator = '\t';
    }
    text += '\n';
  }
  return text;
}

const NULL = '\\N';
/** COPY takes every other character as it is. */
const SPECIAL = /[\\\t\n\r\0]/;
const EVERY_SPECIAL = new RegExp(SPECIAL, 'g');
/** For NUL see `arrayLiteral`. */
const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
  '\0': '\ufffd',
};

function escaped(value: string | number | null): string | number {
  if (value === null) return NULL;
  if (typeof value === 'number') return value;
  return SPECIAL.test(value) ? value.replace(EVERY_SPECIAL, (found) => ESCAPES[found] ?? found) : value;
}
