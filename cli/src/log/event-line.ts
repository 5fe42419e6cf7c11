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

/** An event as one line for a person: what somebody wrote in it cannot touch the terminal, and is cut when it is long. */
export function eventLine(row: EventRow): string {
  const version = row.version === null ? '' : `v${row.version}`;
  const parts = [
    String(row.sequence).padStart(8),
    printable(row.time).padEnd(24),
    clipped(row.type, NAME_CHARACTERS).padEnd(22),
    version.padEnd(6),
    clipped(row.actor, NAME_CHARACTERS).padEnd(12),
    where(row),
    what(row),
  ];
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
  return json ? (row) => safeJson(row) : eventLine;
}
