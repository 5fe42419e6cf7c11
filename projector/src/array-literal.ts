/** What a row holds in one column. `text` may contain anything; `plain` is a number, UUID or time and needs no quotes. */
export type Column<Row> =
  | { text: (row: Row) => string | null }
  | { plain: (row: Row) => string | number | null };

/**
 * One column of all rows as a Postgres array literal. The driver would make the same of an array, but looks at the type
 * of every element and escapes each one: that was the largest part of this process's own time in catching up.
 */
export function arrayLiteral<Row>(column: Column<Row>, rows: readonly Row[]): string {
  let literal = '';
  let separator = '{';
  if ('text' in column) {
    for (const row of rows) {
      literal += separator + quoted(column.text(row));
      separator = ',';
    }
  } else {
    for (const row of rows) {
      literal += separator + (column.plain(row) ?? 'NULL');
      separator = ',';
    }
  }
  return rows.length === 0 ? '{}' : `${literal}}`;
}

const SPECIAL = /["\\]/;

/** Postgres has no NUL in texts: one that got into the log stands for a replacement character, and stops no lane. */
function quoted(value: string | null): string {
  if (value === null) return 'NULL';
  const text = value.includes('\0') ? value.replaceAll('\0', '\ufffd') : value;
  return SPECIAL.test(text) ? `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"` : `"${text}"`;
}
