import {
  type Aggregate,
  conversationSubject,
  decodeCommit,
  parseSubject,
  type RecordedEvent,
  readsSubject,
  userSubject,
} from '@parley/contracts';
import type { CommitRecord, EventLog } from '@parley/runtime';
import { isOfUsers } from './described-tables.ts';
import type { PrintedRow } from './merge-rows.ts';

/** An event of the log that should have made a row what it is. */
export interface TracedEvent {
  sequence: number;
  version: number | null;
  type: string;
  time: string;
  actor: string;
  data: unknown;
}

const MOST = 20;
/** Cursors move their rows, and are recorded beside the conversation. */
const MOVED_BY_READS = ['members', 'audience_cursors', 'thread_followers'];

/**
 * The newest events, oldest first and at most 20, that name what the key of a row names, up to a place in the log. Reads
 * all commits of the conversation or user a page at a time. None for an extra row means that nothing ever made it.
 */
export async function eventsOfRow(
  log: EventLog,
  row: { table: string; key: PrintedRow },
  until: number,
): Promise<TracedEvent[]> {
  const found: TracedEvent[] = [];
  for (const subject of subjectsOf(row)) {
    const aggregate = parseSubject(subject);
    if (aggregate === null) continue;
    const ofSubject: TracedEvent[] = [];
    for await (const page of log.read(subject, 0)) {
      const wanted = page.filter(({ sequence }) => sequence <= until);
      ofSubject.push(...wanted.flatMap((commit) => tracedIn(commit, aggregate, row)));
      ofSubject.splice(0, ofSubject.length - MOST);
      if (wanted.length < page.length) break;
    }
    found.push(...ofSubject);
  }
  return found.sort((a, b) => a.sequence - b.sequence).slice(-MOST);
}

function subjectsOf({ table, key }: { table: string; key: PrintedRow }): string[] {
  if (table === 'command_results') return [key.aggregate ?? ''];
  if (isOfUsers(table)) return [userSubject(key.user_id ?? '')];
  const id = (table === 'conversations' ? key.id : key.conversation_id) ?? '';
  return MOVED_BY_READS.includes(table)
    ? [conversationSubject(id), readsSubject(id)]
    : [conversationSubject(id)];
}

function tracedIn(
  { sequence, payload }: CommitRecord,
  aggregate: Aggregate,
  row: { table: string; key: PrintedRow },
): TracedEvent[] {
  return decoded(payload)
    .filter((event) => (aggregate.kind === 'reads' ? movesCursor(event, row.key) : names(event, row)))
    .map((event) => ({
      sequence,
      version: event.version ?? null,
      type: event.type,
      time: event.time,
      actor: event.actor,
      data: event.data,
    }));
}

/** A commit that cannot be read explains nothing; the dead letters tell about it. */
function decoded(payload: Uint8Array): RecordedEvent[] {
  try {
    return decodeCommit(payload);
  } catch {
    return [];
  }
}

interface CursorEntry {
  conversationId?: string;
  userId?: string;
}

function movesCursor({ data }: RecordedEvent, { conversation_id, user_id }: PrintedRow): boolean {
  const { entries = [] } = data as { entries?: CursorEntry[] };
  return entries.some((entry) => entry.conversationId === conversation_id && entry.userId === user_id);
}

/** All that the key names but whose row it is must be in the event; the version counts where there is nothing else. */
function names(event: RecordedEvent, { table, key }: { table: string; key: PrintedRow }): boolean {
  const owner = isOfUsers(table) ? ['user_id'] : ['id', 'conversation_id', 'aggregate'];
  const { version, ...rest } = Object.fromEntries(
    Object.entries(key).filter(([column]) => !owner.includes(column)),
  );
  const criteria = Object.entries(rest);
  if (criteria.length === 0) return version === undefined || event.version === Number(version);
  return criteria.every(([column, value]) => {
    if (column === 'ordinal') return namesOrdinal(event, Number(value));
    if (event.actor === value || event.commandid === value) return true;
    return JSON.stringify(event.data).includes(JSON.stringify(value));
  });
}

function namesOrdinal({ data }: RecordedEvent, ordinal: number): boolean {
  const named = data as { ordinal?: number; threadOrdinal?: number; throughOrdinal?: number };
  return (
    named.ordinal === ordinal || named.threadOrdinal === ordinal || (named.throughOrdinal ?? 0) >= ordinal
  );
}
