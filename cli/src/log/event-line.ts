import type { EventRow } from './event-row.ts';
import { clipped, printable, safeJson } from './printable.ts';

const TEXT_CHARACTERS = 160;
const NAME_CHARACTERS = 40;
/** They stand in the line already. */
const TOLD = new Set(['messageId', 'ordinal', 'body', 'conversationId']);
/** What most messages say: it would hide what one of them does. */
const USUAL: Readonly<Record<string, string>> = {
  format: '"plain"',
  replies: '0',
  attachments: '[]',
  mentions: '{"users":[],"all":false,"here":false}',
};

/** Of the columns before the place: time, type, version, actor. Most events need no more. */
const WIDTHS = [24, 23, 6, 12];

/**
 * An event as one line for a person: what somebody wrote in it cannot touch the terminal, and is cut when it is long.
 * `widths` is widened by what does not fit, so that later lines keep its columns.
 */
export function eventLine(row: EventRow, widths = [...WIDTHS]): string {
  const version = row.version === null ? '' : `v${row.version}`;
  const cells = [
    printable(row.time),
    clipped(row.type, NAME_CHARACTERS),
    version,
    clipped(row.actor, NAME_CHARACTERS),
  ];
  const columns = cells.map((cell, column) => {
    const width = Math.max(widths[column] ?? 0, cell.length);
    widths[column] = width;
    return cell.padEnd(width);
  });
  const parts = [String(row.sequence).padStart(8), ...columns, where(row), what(row)];
  return parts.join(' ').trimEnd();
}

function where({ aggregate, aggregateId, conversationId, userId, ordinal }: EventRow): string {
  if (conversationId !== null) {
    const at = ordinal === null ? '' : ` #${ordinal}`;
    return `${clipped(conversationId, NAME_CHARACTERS)}${at}`;
  }
  return clipped(userId ?? `${aggregate} ${aggregateId}`, NAME_CHARACTERS);
}

function what({ body, data }: EventRow): string {
  const rest = Object.entries(data as object).filter(
    ([name, value]) => !TOLD.has(name) && JSON.stringify(value) !== USUAL[name],
  );
  const text = body === null ? '' : `"${clipped(body, TEXT_CHARACTERS)}" `;
  return rest.length === 0 ? text : `${text}${clipped(safeJson(Object.fromEntries(rest)), TEXT_CHARACTERS)}`;
}

/** How a command shows events: lines for a person, or one JSON object a line. */
export function lineOf(json: boolean): (row: EventRow) => string {
  if (json) return (row) => safeJson(row);
  const widths = [...WIDTHS];
  return (row) => eventLine(row, widths);
}
