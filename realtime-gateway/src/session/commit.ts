import {
  CorruptCommit,
  decodeCommit,
  type EventData,
  type EventOf,
  isKnown,
  parseSubject,
  type RecordedEvent,
} from '@parley/contracts';
import { type ConversationCommit, conversationCommit } from './conversation-commit.ts';
import { encodeItem, type Item, storedItem } from './item.ts';

export interface CursorEntry {
  event: number;
  userId: string;
  /** Who may see it: the members, the reader as a member, or the reader without being one. */
  reach: 'members' | 'reader' | 'audience';
  value: unknown;
}

/** Read cursors of many conversations; each group is what one conversation's members may see. */
export interface ReadsCommit {
  kind: 'reads';
  sequence: number;
  events: readonly RecordedEvent[];
  groups: ReadonlyMap<string, readonly CursorEntry[]>;
}

interface UserCommit {
  kind: 'user';
  sequence: number;
  /** Subject token of the user whose own facts these are. */
  token: string;
  item: Item;
}

/** Nothing in it is for clients: a subject this build does not know. It still moves the position. */
interface HiddenCommit {
  kind: 'hidden';
  sequence: number;
}

export type Commit = ConversationCommit | ReadsCommit | UserCommit | HiddenCommit;

export interface StoredCommit {
  sequence: number;
  subject: string;
  payload: Uint8Array;
}

/** Decodes a stored commit once for all its readers. Throws CorruptCommit. */
export function readCommit({ sequence, subject, payload }: StoredCommit): Commit {
  const aggregate = parseSubject(subject);
  if (!aggregate) return { kind: 'hidden', sequence };
  const events = decodeCommit(payload);
  if (aggregate.kind === 'reads') return { kind: 'reads', sequence, events, groups: groupCursors(events) };
  const item = storedItem(sequence, payload, events);
  if (aggregate.kind === 'user') return { kind: 'user', sequence, token: aggregate.token, item };
  return conversationCommit(aggregate.id, item, events);
}

/**
 * As `readCommit`, but what cannot be read is passed over: the version it leaves out tells the clients of its
 * conversation that something is missing, and all other conversations go on.
 */
export function readCommitOrHide(record: StoredCommit, unreadable?: (error: CorruptCommit) => void): Commit {
  try {
    return readCommit(record);
  } catch (error) {
    if (!(error instanceof CorruptCommit)) throw error;
    unreadable?.(error);
    return { kind: 'hidden', sequence: record.sequence };
  }
}

function groupCursors(events: readonly RecordedEvent[]): Map<string, CursorEntry[]> {
  const groups = new Map<string, CursorEntry[]>();
  for (const [index, event] of events.entries()) {
    if (!isKnown(event) || event.type !== 'cursors.advanced') continue;
    for (const entry of event.data.entries) {
      const group = groups.get(entry.conversationId);
      const cursor = { event: index, userId: entry.userId, reach: reachOf(entry), value: entry };
      if (group) group.push(cursor);
      else groups.set(entry.conversationId, [cursor]);
    }
  }
  return groups;
}

function reachOf(entry: EventData<'cursors.advanced'>['entries'][number]): CursorEntry['reach'] {
  if (entry.audience) return 'audience';
  return entry.private || entry.threadOrdinal !== undefined ? 'reader' : 'members';
}

/** The given cursors of a commit as an item, in the commit's order; events left without a cursor are dropped. */
export function cursorItem(commit: ReadsCommit, cursors: readonly CursorEntry[]): Item {
  const byEvent = new Map<number, unknown[]>();
  for (const { event, value } of cursors) {
    const entries = byEvent.get(event);
    if (entries) entries.push(value);
    else byEvent.set(event, [value]);
  }
  const events = commit.events.flatMap((event, index) => {
    const entries = byEvent.get(index);
    return entries ? [{ ...event, data: { entries } } as EventOf<'cursors.advanced'>] : [];
  });
  return encodeItem(commit.sequence, events);
}

/** Bytes a commit occupies in memory, roughly: decoded events cost several times their text. */
export function weigh(commit: Commit): number {
  const overhead = 400;
  if (commit.kind === 'hidden') return overhead;
  if (commit.kind === 'user') return overhead + commit.item.bytes.length;
  if (commit.kind === 'reads') {
    let entries = 0;
    for (const group of commit.groups.values()) entries += group.length;
    return overhead + entries * 400;
  }
  return overhead + commit.item.bytes.length * (commit.plain ? 1 : 5);
}
