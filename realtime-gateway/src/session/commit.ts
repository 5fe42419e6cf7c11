import {
  CorruptCommit,
  dataschemaOf,
  decodeCommit,
  type EventData,
  type EventOf,
  isKnown,
  parseSubject,
  type RecordedEvent,
  type RevokedReason,
} from '@parley/contracts';
import { bytesOf, concat } from './bytes.ts';

const CLOSE = bytesOf('}');

/** A commit, or the part of it that some users see, as the bytes `{"seq":…,"events":[…]}`. Shared by every socket. */
export interface Item {
  readonly sequence: number;
  readonly bytes: Uint8Array;
}

interface MembershipChange {
  /** Index of the event in its commit. */
  event: number;
  kind: 'joined' | RevokedReason;
  /** Empty for a deletion, which ends every membership. */
  userIds: readonly string[];
  /** Members once it has happened, where the event says so. */
  memberCount?: number | undefined;
}

/** An event whose facts only one user may see. */
interface Secret {
  event: number;
  userId: string;
}

export interface ConversationCommit {
  kind: 'conversation';
  sequence: number;
  conversationId: string;
  /** Versions of the first and the last event: dense from one commit of a conversation to its next. */
  firstVersion: number;
  lastVersion: number;
  /** What a member sees who is a member throughout and in no secret: secrets are redacted in it. */
  item: Item;
  /** Nearly every commit: each member sees `item`, and nothing changes that decides who sees what. */
  plain: boolean;
  changes: readonly MembershipChange[];
  secrets: readonly Secret[];
  /** Whether members see each other's receipts from here on; null when the commit does not say. */
  receipts: boolean | null;
  /** Empty when plain; else as stored, for the views of those who see another part than `item`. */
  events: readonly RecordedEvent[];
}

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
  const item = itemOf(sequence, payload, events);
  if (aggregate.kind === 'user') return { kind: 'user', sequence, token: aggregate.token, item };
  return conversationCommit(aggregate.id, item, events);
}

function conversationCommit(conversationId: string, item: Item, events: RecordedEvent[]): ConversationCommit {
  const changes = events.flatMap(membershipChange);
  const secrets = events.flatMap(secretOf);
  const receipts = events.reduce<boolean | null>((held, event) => receiptsSetting(event) ?? held, null);
  const plain = changes.length === 0 && secrets.length === 0 && receipts === null;
  return {
    kind: 'conversation',
    sequence: item.sequence,
    conversationId,
    firstVersion: events[0]?.version ?? 0,
    lastVersion: events.at(-1)?.version ?? 0,
    item: secrets.length === 0 ? item : encodeItem(item.sequence, redacted(events, secrets)),
    plain,
    changes,
    secrets,
    receipts,
    events: plain ? [] : events,
  };
}

/** The events with the given secrets taken out: that something happened stays, as a version must not be missing. */
export function redacted(events: readonly RecordedEvent[], secrets: readonly Secret[]): RecordedEvent[] {
  return events.map((event, index) =>
    secrets.some((secret) => secret.event === index) ? withoutFacts(event) : event,
  );
}

function withoutFacts(event: RecordedEvent): RecordedEvent {
  const { specversion, id, source, type, subject, time, dataschema, version } = event;
  const rest = { specversion, id, source, type, subject, time, dataschema, actor: 'parley', data: {} };
  return version === undefined ? rest : { ...rest, version };
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

/** The stored bytes are the JSON that clients get, unless an old schema version was upcast on the way. */
function itemOf(sequence: number, payload: Uint8Array, events: RecordedEvent[]): Item {
  const outdated = events.filter((event) => isKnown(event) && event.dataschema !== dataschemaOf(event.type));
  if (outdated.length === 0) return { sequence, bytes: wrap(sequence, payload) };
  for (const event of outdated) if (isKnown(event)) event.dataschema = dataschemaOf(event.type);
  return encodeItem(sequence, events);
}

export function encodeItem(sequence: number, events: readonly RecordedEvent[]): Item {
  return { sequence, bytes: wrap(sequence, bytesOf(JSON.stringify(events))) };
}

function wrap(sequence: number, events: Uint8Array): Uint8Array {
  return concat([bytesOf(`{"seq":${sequence},"events":`), events, CLOSE]);
}

function membershipChange(event: RecordedEvent, index: number): MembershipChange[] {
  if (!isKnown(event)) return [];
  switch (event.type) {
    case 'conversation.created': {
      const userIds = event.data.members.map((member) => member.userId);
      return [{ event: index, kind: 'joined', userIds, memberCount: userIds.length }];
    }
    case 'members.added': {
      const userIds = event.data.members.map((member) => member.userId);
      return [{ event: index, kind: 'joined', userIds, memberCount: event.data.memberCount }];
    }
    case 'member.left':
      return [{ event: index, kind: 'left', userIds: [event.data.userId] }];
    case 'members.removed':
      return [{ event: index, kind: 'removed', userIds: event.data.userIds }];
    case 'member.banned':
      // Without a role the user was no member: nobody's audience changes.
      return event.data.role ? [{ event: index, kind: 'banned', userIds: [event.data.userId] }] : [];
    case 'conversation.deleted':
      return [{ event: index, kind: 'deleted', userIds: [] }];
    default:
      return [];
  }
}

function secretOf(event: RecordedEvent, index: number): Secret[] {
  const secret = isKnown(event) && event.type === 'cursor.lowered';
  return secret ? [{ event: index, userId: event.data.userId }] : [];
}

function receiptsSetting(event: RecordedEvent): boolean | undefined {
  if (!isKnown(event)) return undefined;
  const tells = event.type === 'conversation.created' || event.type === 'conversation.updated';
  return tells ? event.data.settings?.receipts : undefined;
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
  return overhead + commit.item.bytes.length * (commit.events.length > 0 ? 5 : 1);
}
