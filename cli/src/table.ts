/**
 * Rows as lines of columns two spaces apart, each as wide as its widest cell; the columns named in `right` (from 0) are
 * aligned to the right, for numbers. A heading is a row like the others. Cells must be single lines.
 */
export function renderTable(
  rows: readonly (readonly string[])[],
  { right = [] }: { right?: readonly number[] } = {},
): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, widthOf(cell));
  }
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => {
        const space = ' '.repeat((widths[column] ?? 0) - widthOf(cell));
        return right.includes(column) ? space + cell : cell + space;
      })
      .join('  ')
      .trimEnd();
  return rows.map(line).join('\n');
}

/** In characters as a person counts them: half a surrogate pair has no width of its own. */
function widthOf(cell: string): number {
  return [...cell].length;
}
