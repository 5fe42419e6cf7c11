import {
  isEqual,
  type RowDifference,
  type TracedEvent,
  type VerifiedTable,
  type VerifyReport,
} from '@parley/projector';
import { parkedCounts } from '../dead-letters/parked-counts.ts';
import { counted } from '../log/counted.ts';
import { clipped, printable } from '../log/printable.ts';
import { renderTable } from '../table.ts';

const MOST_CHARACTERS = 100;
const MOST_KEYS = 20;
const HEAD = ['table', 'rows', 'in the log', 'missing', 'extra', 'different', 'verdict'];

/** What `parley verify` found, for a person. */
export function renderVerification(report: VerifyReport): string {
  const { epoch, lanes, sample, misfit, tables, logBegins } = report;
  if (misfit !== null) {
    return [
      `The read model does not fit this log: ${misfit}.`,
      'Nothing was compared. If this log is the right one, build the read model from it: parley rebuild' +
        (logBegins > 1 ? ' --from-archive <folder>.' : '.'),
      'If not, give the services their own log again (NATS_URL); their projector has written nothing since.',
    ].join('\n');
  }
  const at = lanes.map(({ lane, sequence }) => `lane ${lane} at ${sequence}`).join(', ');
  const differing = tables.filter((table) => !isEqual(table));
  return [
    `Log ${epoch}, ${at}${sample < 100 ? `, ${sample} % of all conversations and users` : ''}`,
    '',
    renderTable([HEAD, ...tables.map(rowOf)], { right: [1, 2, 3, 4, 5] }),
    ...differing.flatMap(describeFirst),
    ...(differing.length > 0 && logBegins > 1
      ? ['', `Events before commit ${logBegins} are only in the archive and not shown.`]
      : []),
    ...describeParked(report),
    '',
    verdictOf(report),
  ].join('\n');
}

function verdictOf({ sample, rows, tables, clean }: VerifyReport): string {
  const differing = tables.filter((table) => !isEqual(table)).length;
  if (differing > 0)
    return `${differing} of ${tables.length} tables differ from the log. \`parley rebuild\` makes them anew.`;
  if (!clean)
    return `Nothing was compared: no row is of ${sample} % of all conversations and users. Take a larger --sample.`;
  if (sample === 100) return 'The read model is what the log says.';
  const conversations = tables.find(({ table }) => table === 'conversations')?.rows.right ?? 0;
  return `The sample (${counted(conversations, 'conversation')}, ${counted(rows, 'row')}) is what the log says.`;
}

function describeParked({ parked, parkedOnce }: VerifyReport): string[] {
  const lines: string[] = [];
  if (parked.keys > 0) {
    lines.push(
      `${parkedCounts(parked)} ${parked.commits === 1 ? 'waits' : 'wait'} as dead letters: parley dead-letters list.`,
    );
  }
  for (const { key, sequence } of parkedOnce.live.slice(0, MOST_KEYS)) {
    lines.push(
      `${key} waits from commit ${sequence} on, and could be applied to fresh tables: parley dead-letters retry ${key}, or, if that fails again, parley rebuild`,
    );
  }
  for (const { key, sequence, reason } of parkedOnce.log.slice(0, MOST_KEYS)) {
    lines.push(
      `${key} cannot be folded from commit ${sequence} on by this command, the projector could: ${printable(reason ?? '')}`,
    );
  }
  return lines.length === 0 ? [] : ['', ...lines];
}

function rowOf(compared: VerifiedTable): string[] {
  const { table, rows, missing, extra, different } = compared;
  const counts = [rows.left, rows.right, missing, extra, different].map((count) =>
    count.toLocaleString('en'),
  );
  return [table, ...counts, isEqual(compared) ? 'equal' : 'DIFFERS'];
}

const KINDS: Record<RowDifference['kind'], string> = {
  missing: 'is missing in the read model',
  extra: 'is in the read model, and the log does not make it',
  different: 'has other values',
};

function describeFirst({ table, first, events }: VerifiedTable): string[] {
  if (first === null) return [];
  const key = Object.entries(first.key).map(([column, value]) => `${column} ${printable(value ?? 'null')}`);
  return [
    '',
    `${table}: the row of ${key.join(', ')} ${KINDS[first.kind]}`,
    indented(renderTable([['column', 'read model', 'log'], ...valuesOf(first)])),
    events.length === 0 ? '  No event in the log names it.' : '  The events that should have made it:',
    ...(events.length === 0 ? [] : [indented(renderTable(events.map(lineOf)))]),
  ];
}

function valuesOf({ columns, left, right }: RowDifference): string[][] {
  return columns.map((column) => [column, printed(left, column), printed(right, column)]);
}

function printed(row: RowDifference['left'], column: string): string {
  if (row === null) return '-';
  const value = row[column] ?? null;
  return value === null ? 'null' : short(value);
}

function lineOf({ sequence, version, type, time, actor, data }: TracedEvent): string[] {
  return [String(sequence), version === null ? '' : `v${version}`, time, type, short(actor), short(data)];
}

function short(value: unknown): string {
  return clipped(JSON.stringify(value), MOST_CHARACTERS);
}

function indented(text: string): string {
  return text.replace(/^/gm, '  ');
}
