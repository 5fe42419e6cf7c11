import { parsePosition } from '@parley/contracts';
import type { EventLog, LogRange } from '@parley/runtime';
import { UsageError } from '../run-command.ts';

type Place = { kind: 'time'; at: number } | { kind: 'sequence'; sequence: number };

type Bounded = Pick<EventLog, 'epoch' | 'at' | 'bounds'>;

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const TIME = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?$/;

/**
 * The commits from one place to another, both included, within what the log holds. A place is a time, how long ago, a
 * sequence or a position. Throws UsageError for what is none, a position of another log, and one beyond the end.
 */
export async function rangeBetween(
  log: Bounded,
  places: { since?: string | undefined; until?: string | undefined },
  now: number,
): Promise<LogRange> {
  const { first, last } = await log.bounds();
  const since = places.since === undefined ? null : parsePlace(places.since, log.epoch, now);
  const until = places.until === undefined ? null : parsePlace(places.until, log.epoch, now);
  if (since?.kind === 'sequence' && since.sequence > last + 1) {
    throw new UsageError(`${places.since} is beyond the end of the log, which is at ${last}.`);
  }
  const from = since === null ? first : await sequenceFrom(log, since);
  const to = until === null ? last : await sequenceThrough(log, until);
  return { after: Math.max(first, from) - 1, until: Math.min(last, to) };
}

/**
 * Where the log begins, when retention has removed commits that belong to what is asked for; null when it has not. Of a
 * time it is not known what was stored since then and is gone: then the log's beginning is told as well.
 */
export async function removedBefore(
  log: Bounded,
  since: string | undefined,
  now: number,
): Promise<number | null> {
  const { first } = await log.bounds();
  if (since === undefined || first === 1) return null;
  const place = parsePlace(since, log.epoch, now);
  const from = await sequenceFrom(log, place);
  return from < first || (place.kind === 'time' && from === first) ? first : null;
}

function sequenceFrom(log: Bounded, place: Place): Promise<number> {
  return place.kind === 'sequence' ? Promise.resolve(place.sequence) : firstStoredFrom(log, place.at);
}

/** The last sequence of a place that is an end: all that was stored in its millisecond belongs to it. */
export async function sequenceThrough(log: Bounded, place: Place): Promise<number> {
  return place.kind === 'sequence' ? place.sequence : (await firstStoredFrom(log, place.at + 1)) - 1;
}

/** Throws UsageError when the text is neither a time nor a place in this log. */
export function parsePlace(text: string, epoch: string, now: number): Place {
  if (/^\d{1,15}$/.test(text)) return { kind: 'sequence', sequence: Number(text) };
  const position = parsePosition(text);
  if (position) {
    if (position.epoch === epoch) return { kind: 'sequence', sequence: position.sequence };
    throw new UsageError(`${text} is a position of another log: the epoch of this one is ${epoch}.`);
  }
  const ago = /^(\d{1,9})([smhd])$/.exec(text);
  if (ago) return { kind: 'time', at: now - Number(ago[1]) * (UNITS[ago[2] ?? ''] ?? 0) };
  const time = TIME.exec(text);
  // Times are printed in UTC, so one without a zone is UTC as well.
  const at = time ? Date.parse(text.includes('T') && !time[1] ? `${text}Z` : text) : Number.NaN;
  if (!Number.isNaN(at)) return { kind: 'time', at };
  throw new UsageError(
    `"${text}" is no place in the log. Give a time (2026-11-20 or 2026-11-20T09:30:00Z), how long ago ` +
      '(30s, 10m, 2h, 7d), a sequence (1234) or a position (<epoch>:1234).',
  );
}

/**
 * The first sequence stored at a time (milliseconds since 1970) or later, one beyond the end when there is none. About
 * log2(n) reads; the log's times are the leader's clock and taken as ascending. Holes that retention left are passed over.
 */
export async function firstStoredFrom(log: Pick<EventLog, 'at' | 'bounds'>, time: number): Promise<number> {
  const { first, last } = await log.bounds();
  let low = first;
  let high = last + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const found = await nextAt(log, middle, high);
    if (found && found.storedAt < time) low = found.sequence + 1;
    else high = middle;
  }
  // What is left may be a hole: the answer is the commit behind it.
  return (await nextAt(log, low, last + 1))?.sequence ?? last + 1;
}

async function nextAt(log: Pick<EventLog, 'at'>, from: number, before: number) {
  for (let sequence = from; sequence < before; sequence++) {
    const record = await log.at(sequence);
    if (record) return record;
  }
  return null;
}
