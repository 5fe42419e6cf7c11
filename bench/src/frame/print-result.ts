import { type BenchResult, formatNumber } from './run-bench.ts';
import type { Ratio, Spread } from './spread.ts';

/** The result as text: machine, one line for each side and measure, then the ratios with the A/A line. */
export function printResult(result: BenchResult): string {
  const { machine, servers, parameters } = result;
  const pairs = (values: object) =>
    Object.entries(values)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ');
  const measured = Object.entries(result.sides).flatMap(([side, measures]) =>
    Object.entries(measures).map(([measure, spread]) => [side, measure, ...spreadCells(spread)]),
  );
  return [
    '',
    `${result.bench}: ${result.title}${result.quick ? '  (quick: the numbers mean little)' : ''}`,
    `${machine.cores} × ${machine.cpu}, ${machine.memoryGb} GB, ${machine.system}, node ${machine.node}, load before ${machine.loadBefore}`,
    pairs(servers),
    pairs(parameters),
    '',
    ...table([['side', 'measure', 'median', 'min', 'max'], ...measured], 2),
    '',
    ...table(
      [
        ['ratio', 'measure', 'median', 'min', 'max', 'aim'],
        ...result.ratios.map((ratio) => ratioCells(ratio)),
      ],
      2,
    ),
    '',
  ].join('\n');
}

function spreadCells({ median, min, max }: Spread): string[] {
  return [median, min, max].map(formatNumber);
}

function ratioCells(ratio: Ratio): string[] {
  const cells = [ratio.median, ratio.min, ratio.max].map((value) => value.toFixed(2));
  return [ratio.name, ratio.measure, ...cells, aimCell(ratio)];
}

function aimCell({ aim, met }: Ratio): string {
  if (!aim) return '';
  const wanted = 'atLeast' in aim ? `≥ ${aim.atLeast}` : `≤ ${aim.atMost}`;
  return `${wanted} ${met ? 'met' : 'MISSED'}`;
}

/** Columns from `numbersFrom` on are aligned to the right. */
function table(rows: readonly string[][], numbersFrom: number): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column < numbersFrom ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ')
      .trimEnd(),
  );
}
