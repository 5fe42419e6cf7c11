import { CorruptCommit, decodeCommit, formatPosition, type RecordedEvent } from '@parley/contracts';
import type { CommitRecord } from '@parley/runtime';
import { printable, safeJson } from '../log/printable.ts';

/** A whole commit: where it is, and its events in their current versions or why they cannot be read. */
export interface ShownCommit {
  sequence: number;
  position: string;
  subject: string;
  commitId: string;
  storedAt: string;
  bytes: number;
  events: RecordedEvent[];
  unreadable: string | null;
}

export function shownCommit(record: CommitRecord, epoch: string): ShownCommit {
  const { sequence, subject, commitId, storedAt, payload } = record;
  const place = {
    sequence,
    position: formatPosition(epoch, sequence),
    subject,
    commitId,
    storedAt: new Date(storedAt).toISOString(),
    bytes: payload.length,
  };
  try {
    return { ...place, events: decodeCommit(payload), unreadable: null };
  } catch (error) {
    if (!(error instanceof CorruptCommit)) throw error;
    return { ...place, events: [], unreadable: error.message };
  }
}

/** For a person. `dataschema` says in which version an event was stored. */
export function commitLines({ events, unreadable, ...place }: ShownCommit): string[] {
  const head = [
    ...fields(place),
    ...(unreadable === null ? [] : [`${'unreadable'.padEnd(14)} ${printable(unreadable)}`]),
  ];
  return [...head, ...events.flatMap((event, index) => eventLines(event, index + 1, events.length))];
}

function eventLines({ data, ...envelope }: RecordedEvent, number: number, of: number): string[] {
  const title = `event ${number} of ${of}: ${printable(envelope.type)}`;
  const body = safeJson(data, 2).split('\n');
  return ['', title, ...fields(envelope).map(indented), indented('data'), ...body.map(indented)];
}

function fields(values: object): string[] {
  return Object.entries(values).map(([name, value]) => {
    const text = typeof value === 'string' ? printable(value) : safeJson(value);
    return `${printable(name).padEnd(14)} ${text}`;
  });
}

const indented = (line: string): string => `  ${line}`;
