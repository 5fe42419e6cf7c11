import {
  type EventData,
  isKnown,
  mayBeRedacted,
  type RecordedEvent,
  type RevokedReason,
  type Role,
  type Settings,
} from '@parley/contracts';
import type { Item } from './item.ts';

/** What decides in a conversation who sees what; null as long as nobody has said it here. */
export interface Rules {
  /** Whether members see each other's receipts. */
  receipts: boolean | null;
  history: Settings['historyVisibility'] | null;
  type: EventData<'conversation.created'>['type'] | null;
}

export const UNKNOWN_RULES: Rules = { receipts: null, history: null, type: null };

interface MembershipChange {
  /** Index of the event in its commit. */
  event: number;
  kind: 'joined' | RevokedReason;
  /** Empty for a deletion, which ends every membership. */
  userIds: readonly string[];
  /** Members once it has happened, where the event says so. */
  memberCount?: number | undefined;
  /** Messages that were there already when they joined; 0 for founders. */
  ordinal?: number;
}

export interface ConversationCommit {
  kind: 'conversation';
  sequence: number;
  conversationId: string;
  /** Versions of the first and the last event: dense from one commit of a conversation to its next. */
  firstVersion: number;
  lastVersion: number;
  /** All of it, as stored. Only viewers from whom nothing is taken out get these bytes. */
  item: Item;
  /** How many events it has. */
  size: number;
  /** Nearly every commit: it changes nothing that decides who sees what, and its types hide nothing. */
  plain: boolean;
  changes: readonly MembershipChange[];
  /** The roles that users have after it, where it says so. */
  roles: ReadonlyMap<string, Role>;
  /** What holds from here on; null when the commit does not say. */
  rules: Partial<Rules> | null;
  /** Whether an event is of a type that not everybody may see whole. */
  guarded: boolean;
  /** Whose cursor is lowered in it: each sees their own. */
  lowered: readonly string[];
  /** Of the messages that its events are about, one per event. */
  ordinals: readonly number[];
  /** Messages whose texts it takes away. */
  removed: RemovedTexts | null;
}

export interface RemovedTexts {
  deleted: readonly number[];
  /** Everything up to here; 0 when it is none. */
  expiredThrough: number;
}

/** Most commits share what is empty in them: hundreds of thousands are in memory. */
const NO_CHANGES: readonly MembershipChange[] = [];
const NO_ROLES: ReadonlyMap<string, Role> = new Map();
const NOBODY: readonly string[] = [];

export function conversationCommit(
  conversationId: string,
  item: Item,
  events: readonly RecordedEvent[],
): ConversationCommit {
  const changes = events.flatMap(membershipChange);
  const roles = rolesAfter(events);
  const rules = rulesAfter(events);
  const guarded = events.some(({ type }) => mayBeRedacted(type));
  const lowered = guarded ? events.flatMap(loweredUser) : NOBODY;
  return {
    kind: 'conversation',
    sequence: item.sequence,
    conversationId,
    firstVersion: events[0]?.version ?? 0,
    lastVersion: events.at(-1)?.version ?? 0,
    item,
    size: events.length,
    plain: changes.length === 0 && roles.size === 0 && rules === null && !guarded,
    changes: changes.length === 0 ? NO_CHANGES : changes,
    roles,
    rules,
    guarded,
    lowered,
    ordinals: events.flatMap(messageOrdinal),
    removed: removedTexts(events),
  };
}

function membershipChange(event: RecordedEvent, index: number): MembershipChange[] {
  if (!isKnown(event)) return [];
  switch (event.type) {
    case 'conversation.created': {
      const userIds = event.data.members.map((member) => member.userId);
      return [{ event: index, kind: 'joined', userIds, memberCount: userIds.length, ordinal: 0 }];
    }
    case 'members.added': {
      const { members, memberCount, ordinal } = event.data;
      const userIds = members.map((member) => member.userId);
      return [{ event: index, kind: 'joined', userIds, memberCount, ordinal }];
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

function rolesAfter(events: readonly RecordedEvent[]): ReadonlyMap<string, Role> {
  let roles: Map<string, Role> | null = null;
  for (const event of events) {
    if (!isKnown(event)) continue;
    if (event.type === 'conversation.created' || event.type === 'members.added') {
      roles ??= new Map();
      for (const { userId, role } of event.data.members) roles.set(userId, role);
    } else if (event.type === 'member.role-changed') {
      roles ??= new Map();
      roles.set(event.data.userId, event.data.to);
    }
  }
  return roles ?? NO_ROLES;
}

function rulesAfter(events: readonly RecordedEvent[]): Partial<Rules> | null {
  const rules: Partial<Rules> = {};
  for (const event of events) {
    if (!isKnown(event)) continue;
    if (event.type !== 'conversation.created' && event.type !== 'conversation.updated') continue;
    const { receipts, historyVisibility: history } = event.data.settings ?? {};
    if (receipts !== undefined) rules.receipts = receipts;
    if (history !== undefined) rules.history = history;
    if (event.type === 'conversation.created') rules.type = event.data.type;
  }
  return Object.keys(rules).length > 0 ? rules : null;
}

function loweredUser(event: RecordedEvent): string[] {
  return isKnown(event) && event.type === 'cursor.lowered' ? [event.data.userId] : [];
}

function messageOrdinal({ type, data }: RecordedEvent): number[] {
  if (!type.startsWith('message.') && !type.startsWith('reaction.')) return [];
  const ordinal = (data as { ordinal?: unknown }).ordinal;
  return typeof ordinal === 'number' ? [ordinal] : [];
}

function removedTexts(events: readonly RecordedEvent[]): RemovedTexts | null {
  const deleted: number[] = [];
  let expiredThrough = 0;
  for (const event of events) {
    if (!isKnown(event)) continue;
    if (event.type === 'message.deleted') deleted.push(event.data.ordinal);
    if (event.type === 'messages.expired')
      expiredThrough = Math.max(expiredThrough, event.data.throughOrdinal);
  }
  return deleted.length > 0 || expiredThrough > 0 ? { deleted, expiredThrough } : null;
}
