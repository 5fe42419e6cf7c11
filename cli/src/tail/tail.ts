import { type EventLog, type LogRange, readRange } from '@parley/runtime';
import { type EventFilter, eventSelector, mayFit } from '../log/event-filter.ts';
import { type EventRow, rowsOf } from '../log/event-row.ts';
import { LastRows } from '../log/last-rows.ts';

/** Commits looked through at a time on the way back. */
const WINDOW = 5_000;

export interface TailOptions {
  log: EventLog;
  filter: EventFilter;
  /** What is there already. */
  range: LogRange;
  /** Only so many of the newest events of the range; null = all of them. */
  last: number | null;
  /** Goes on with what is appended, until the signal aborts. */
  follow: boolean;
  signal: AbortSignal;
}

/** The events of a range that fit, then those that are appended, in log order, each once. */
export async function* tail({
  log,
  filter,
  range,
  last,
  follow,
  signal,
}: TailOptions): AsyncGenerator<EventRow> {
  if (last === null) yield* rowsIn(log, range, filter, signal);
  else yield* await newestRows(log, range, filter, last, signal);
  if (follow) yield* rowsIn(log, { after: range.until, until: Number.POSITIVE_INFINITY }, filter, signal);
}

async function* rowsIn(
  log: EventLog,
  range: LogRange,
  filter: EventFilter,
  signal: AbortSignal,
): AsyncGenerator<EventRow> {
  const select = eventSelector(filter);
  for await (const batch of readRange(log, range, { signal })) {
    for (const record of batch) {
      if (!mayFit(record, filter)) continue;
      for (const row of rowsOf(record)) {
        const selected = select(row);
        if (selected) yield selected;
      }
    }
  }
}

/** Window by window from the end: few events of many need few reads, and only what is shown is kept. */
async function newestRows(
  log: EventLog,
  { after, until }: LogRange,
  filter: EventFilter,
  count: number,
  signal: AbortSignal,
): Promise<EventRow[]> {
  let newest: EventRow[] = [];
  for (let end = until; end > after && newest.length < count; end -= WINDOW) {
    const window = new LastRows<EventRow>(count - newest.length);
    const range = { after: Math.max(after, end - WINDOW), until: end };
    for await (const row of rowsIn(log, range, filter, signal)) window.push(row);
    newest = [...window.rows(), ...newest];
  }
  return newest;
}
