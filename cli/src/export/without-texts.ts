import type { EventRow } from '../log/event-row.ts';

/** What people wrote or attached. Names, titles and who is mentioned stay. */
const TEXTS = new Set(['body', 'ciphertext', 'attachments', 'metadata', 'note']);

/** The row without what people wrote in it, messages that wait to be sent included. */
export function withoutTexts(row: EventRow): EventRow {
  const data = withoutFields(row.data as object);
  // Of an event of a type that is not known here nobody can say where its texts are.
  return { ...row, body: null, data };
}

function withoutFields(data: object): object {
  const kept = Object.entries(data).filter(([name]) => !TEXTS.has(name));
  return Object.fromEntries(
    kept.map(([name, value]) => [name, name === 'message' && isObject(value) ? withoutFields(value) : value]),
  );
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
