import { decodeCommit, isUserEvent, type UserEvent } from '@parley/contracts';
import type { CommitRecord } from '@parley/runtime';

type Row = Record<string, unknown>;

/** In the order of the tables' primary keys. */
export const USER_TABLES = {
  users: ['user_id'],
  user_conversations: ['user_id', 'conversation_id'],
  hidden_messages: ['user_id', 'conversation_id', 'ordinal'],
  blocks: ['user_id', 'blocked_id'],
  devices: ['user_id', 'device_id'],
  scheduled_messages: ['user_id', 'schedule_id'],
  notification_reads: ['user_id', 'notification_id'],
  reports: ['conversation_id', 'ordinal', 'user_id'],
} as const;
type Table = keyof typeof USER_TABLES;

/** Rows by table, then by primary key. */
export type UserTables = Record<Table, Map<string, Row>>;

export function keyOf(table: Table, row: Row): string {
  return JSON.stringify(USER_TABLES[table].map((column) => row[column]));
}

/**
 * The tables of the user lanes, one event after the other and one row at a time: as plain as can be, to hold the
 * projector's merged statements against. The values are what the driver reads back.
 */
export function recomputeUsers(records: readonly CommitRecord[]): UserTables {
  const tables = Object.fromEntries(
    Object.keys(USER_TABLES).map((table) => [table, new Map()]),
  ) as unknown as UserTables;
  for (const { payload, sequence } of records) {
    for (const event of decodeCommit(payload)) {
      const userId = event.subject.slice('user/'.length);
      const user = rowOf(tables, 'users', { user_id: userId }, newUser);
      Object.assign(user, { version: event.version, sequence: String(sequence) });
      if (isUserEvent(event)) apply(event, new Applied(tables, userId, sequence, new Date(event.time)));
    }
  }
  return tables;
}

const newUser = {
  display_name: null,
  avatar: null,
  status_text: null,
  last_seen_visible: true,
  preferences: { notifications: {}, conversations: {} },
  notifications_read_sequence: '0',
};
const newInbox = {
  muted_sequence: null,
  muted_until: null,
  archived_sequence: null,
  pinned_at: null,
  last_hidden_ordinal: 0,
};

function rowOf(tables: UserTables, table: Table, key: Row, fresh: Row): Row {
  const row = tables[table].get(keyOf(table, key)) ?? structuredClone({ ...key, ...fresh });
  tables[table].set(keyOf(table, key), row);
  return row;
}

/** One event's view of the tables. */
class Applied {
  readonly tables: UserTables;
  readonly userId: string;
  readonly sequence: string;
  readonly time: Date;

  constructor(tables: UserTables, userId: string, sequence: number, time: Date) {
    this.tables = tables;
    this.userId = userId;
    this.sequence = String(sequence);
    this.time = time;
  }

  user(): Row {
    return rowOf(this.tables, 'users', { user_id: this.userId }, newUser);
  }

  inbox(conversationId: string): Row {
    const key = { user_id: this.userId, conversation_id: conversationId };
    return rowOf(this.tables, 'user_conversations', key, newInbox);
  }

  put(table: Table, values: Row, onConflict: 'replace' | 'keep' = 'replace'): void {
    const row = { user_id: this.userId, ...values };
    const key = keyOf(table, row);
    if (onConflict === 'replace' || !this.tables[table].has(key)) this.tables[table].set(key, row);
  }

  patch(table: Table, key: Row, values: Row): void {
    const row = this.tables[table].get(keyOf(table, { user_id: this.userId, ...key }));
    if (row) Object.assign(row, values);
  }

  remove(table: Table, key: Row): void {
    this.tables[table].delete(keyOf(table, { user_id: this.userId, ...key }));
  }
}

const clamped = (time: string) => new Date(Math.max(0, Date.parse(time)));

function apply(event: UserEvent, to: Applied): void {
  if (event.type.startsWith('inbox.')) applyInbox(event, to);
  else if (/schedule/.test(event.type)) applySchedule(event, to);
  else applyOther(event, to);
}

function applyOther({ type, data }: UserEvent, to: Applied): void {
  if (type === 'profile.changed') {
    const columns = { displayName: 'display_name', avatar: 'avatar', statusText: 'status_text' };
    const seen = { lastSeenVisible: 'last_seen_visible' };
    for (const [name, column] of Object.entries({ ...columns, ...seen })) {
      if (Object.hasOwn(data, name)) to.user()[column] = Object(data)[name];
    }
  } else if (type === 'preferences.changed') {
    const merged = Object(to.user().preferences);
    Object.assign(merged.notifications, data.notifications);
    for (const [id, level] of Object.entries(data.conversations ?? {})) {
      if (level === null) delete merged.conversations[id];
      else merged.conversations[id] = level;
    }
    if (data.unarchiveOnMessage !== undefined) merged.unarchiveOnMessage = data.unarchiveOnMessage;
  } else if (type === 'message.hidden') {
    const key = { conversation_id: data.conversationId, ordinal: data.ordinal };
    to.put('hidden_messages', key);
    const inbox = to.inbox(data.conversationId);
    inbox.last_hidden_ordinal = Math.max(Number(inbox.last_hidden_ordinal), data.ordinal);
  } else if (type === 'message.reported') {
    const { conversationId, ordinal, messageId, authorId, reason, note = null } = data;
    const of = { conversation_id: conversationId, ordinal, message_id: messageId, author_id: authorId };
    to.put('reports', { ...of, reason, note, at: to.time, sequence: to.sequence }, 'keep');
  } else if (type === 'user.blocked') to.put('blocks', { blocked_id: data.userId, at: to.time });
  else if (type === 'user.unblocked') to.remove('blocks', { blocked_id: data.userId });
  else if (type === 'device.registered') {
    const { deviceId, platform, name = null } = data;
    to.put('devices', { device_id: deviceId, platform, name, registered_at: to.time });
  } else if (type === 'device.removed') to.remove('devices', { device_id: data.deviceId });
  else if (type === 'notifications.read') {
    const user = to.user();
    const reached = Math.max(Number(user.notifications_read_sequence), data.upTo ?? 0);
    user.notifications_read_sequence = String(reached);
    for (const id of data.ids ?? []) to.put('notification_reads', { notification_id: id });
  }
}

function applyInbox({ type, data }: UserEvent, to: Applied): void {
  const { conversationId, until } = data as { conversationId: string; until?: string };
  const inbox = to.inbox(conversationId);
  if (type === 'inbox.muted') {
    const runs = inbox.muted_until !== null && Number(inbox.muted_until) > Number(to.time);
    if (!runs) inbox.muted_sequence = to.sequence;
    inbox.muted_until = until === undefined ? Number.POSITIVE_INFINITY : clamped(until);
  } else if (type === 'inbox.unmuted') {
    if (inbox.muted_until !== null && Number(inbox.muted_until) > Number(to.time)) {
      inbox.muted_until = to.time;
    }
  } else if (type === 'inbox.archived') inbox.archived_sequence = to.sequence;
  else if (type === 'inbox.unarchived') inbox.archived_sequence = null;
  else if (type === 'inbox.pinned') inbox.pinned_at = to.time;
  else if (type === 'inbox.unpinned') inbox.pinned_at = null;
}

function applySchedule({ type, data }: UserEvent, to: Applied): void {
  const { scheduleId, ...said } = data as { scheduleId: string } & Record<string, unknown>;
  const key = { schedule_id: scheduleId };
  if (type === 'message.scheduled') {
    const { conversationId, at, message } = said;
    const due = { conversation_id: conversationId, due_at: clamped(String(at)), message };
    to.put('scheduled_messages', { ...key, ...due, state: 'pending', code: null });
  } else if (type === 'schedule.cancelled' || type === 'schedule.sent') to.remove('scheduled_messages', key);
  else if (type === 'schedule.released')
    to.patch('scheduled_messages', key, { state: 'released', code: null });
  else to.patch('scheduled_messages', key, { state: 'failed', code: said.code });
}
