import {
  DEFAULT_PREFERENCES,
  type EventData,
  type LogEvent,
  type Preferences,
  type PreferencesChanges,
  type UserEvent,
} from '@parley/contracts';
import { Map as ImmutableMap, Set as ImmutableSet, OrderedMap, OrderedSet } from 'immutable';

/** Hidden, reported and delivered messages remembered for no-ops: older ones again change nothing in a fold. */
const REMEMBERED = 1_024;
export const MAX_SCHEDULES = 100;
export const MAX_DEVICES = 20;
/** Failed schedules kept until their author dismisses them: the oldest goes when there are more. */
export const MAX_FAILED_SCHEDULES = 100;

export interface Profile {
  displayName: string | null;
  avatar: string | null;
  statusText: string | null;
  lastSeenVisible: boolean;
}

/** What a user made of one conversation for themselves. */
export interface InboxEntry {
  /** Milliseconds since 1970; infinite = without an end, 0 = not muted. */
  mutedUntil: number;
  archived: boolean;
  pinned: boolean;
}

export type Device = Omit<EventData<'device.registered'>, 'deviceId'>;

/**
 * A message that waits for its time; released once that has come: it is being sent, and can no longer be cancelled. Its
 * text stays in the log: a hundred of them made a snapshot larger than a message of the log may be.
 */
export interface Schedule {
  conversationId: string;
  /** When it is due, milliseconds since 1970. */
  at: number;
  /** Of the commit that holds its text; null until that is stored. */
  sequence: number | null;
  released: boolean;
}

/** What became of a schedule whose time came. */
export type Delivery = { outcome: 'sent' } | { outcome: 'failed'; code: string };

/** What deciding needs to know of a user, bounded but for the number of their conversations and blocks. Persistent. */
export interface UserState {
  profile: Profile;
  notifications: Preferences['notifications'];
  levels: ImmutableMap<string, Preferences['conversations'][string]>;
  unarchiveOnMessage: boolean;
  inbox: ImmutableMap<string, InboxEntry>;
  blocks: ImmutableSet<string>;
  devices: ImmutableMap<string, Device>;
  /** All that are neither cancelled nor delivered. */
  schedules: ImmutableMap<string, Schedule>;
  /** The newest schedules that were sent. */
  delivered: OrderedSet<string>;
  /** Schedules that could not be sent, oldest first, and why: until they are dismissed. */
  failed: OrderedMap<string, string>;
  /** Conversation and message id. */
  hidden: OrderedSet<string>;
  reported: OrderedSet<string>;
  /** Notifications up to this sequence are read. */
  readThrough: number;
}

export const initialUser: UserState = {
  profile: { displayName: null, avatar: null, statusText: null, lastSeenVisible: true },
  notifications: DEFAULT_PREFERENCES.notifications,
  levels: ImmutableMap(),
  unarchiveOnMessage: DEFAULT_PREFERENCES.unarchiveOnMessage,
  inbox: ImmutableMap(),
  blocks: ImmutableSet(),
  devices: ImmutableMap(),
  schedules: ImmutableMap(),
  delivered: OrderedSet(),
  failed: OrderedMap(),
  hidden: OrderedSet(),
  reported: OrderedSet(),
  readThrough: 0,
};

const UNTOUCHED: InboxEntry = { mutedUntil: 0, archived: false, pinned: false };

export function inboxOf(state: UserState, conversationId: string): InboxEntry {
  return state.inbox.get(conversationId) ?? UNTOUCHED;
}

export function messageKey(about: { conversationId: string; messageId: string }): string {
  return `${about.conversationId} ${about.messageId}`;
}

export function evolveUser(state: UserState, event: UserEvent): UserState {
  switch (event.type) {
    case 'profile.changed':
      return { ...state, profile: { ...state.profile, ...present(event.data) } };
    case 'preferences.changed':
      return withPreferences(state, event.data);
    case 'inbox.muted': {
      const mutedUntil = event.data.until === undefined ? Infinity : Date.parse(event.data.until);
      return withInbox(state, event.data.conversationId, { mutedUntil });
    }
    case 'inbox.unmuted':
      return withInbox(state, event.data.conversationId, { mutedUntil: 0 });
    case 'inbox.archived':
      return withInbox(state, event.data.conversationId, { archived: true });
    case 'inbox.unarchived':
      return withInbox(state, event.data.conversationId, { archived: false });
    case 'inbox.pinned':
      return withInbox(state, event.data.conversationId, { pinned: true });
    case 'inbox.unpinned':
      return withInbox(state, event.data.conversationId, { pinned: false });
    case 'message.hidden':
      return { ...state, hidden: remember(state.hidden, messageKey(event.data)) };
    case 'message.reported':
      return { ...state, reported: remember(state.reported, messageKey(event.data)) };
    case 'user.blocked':
      return { ...state, blocks: state.blocks.add(event.data.userId) };
    case 'user.unblocked':
      return { ...state, blocks: state.blocks.delete(event.data.userId) };
    case 'device.registered': {
      const { deviceId, ...device } = event.data;
      return { ...state, devices: state.devices.set(deviceId, device) };
    }
    case 'device.removed':
      return { ...state, devices: state.devices.delete(event.data.deviceId) };
    case 'notifications.read':
      return { ...state, readThrough: Math.max(state.readThrough, event.data.upTo ?? 0) };
    case 'message.scheduled':
    case 'schedule.cancelled':
    case 'schedule.released':
    case 'schedule.sent':
    case 'schedule.failed':
      return evolveSchedules(state, event);
  }
}

type ScheduleEvent = Extract<UserEvent, { type: `schedule.${string}` | 'message.scheduled' }>;

function evolveSchedules(state: UserState, event: ScheduleEvent): UserState {
  const { scheduleId } = event.data;
  const { schedules, failed } = state;
  switch (event.type) {
    case 'message.scheduled': {
      const { conversationId, at } = event.data;
      const schedule = { conversationId, at: Date.parse(at), sequence: null, released: false };
      return { ...state, schedules: schedules.set(scheduleId, schedule) };
    }
    case 'schedule.cancelled':
      return { ...state, schedules: schedules.delete(scheduleId), failed: failed.delete(scheduleId) };
    case 'schedule.released': {
      const schedule = schedules.get(scheduleId);
      return schedule
        ? { ...state, schedules: schedules.set(scheduleId, { ...schedule, released: true }) }
        : state;
    }
    case 'schedule.sent': {
      const delivered = remember(state.delivered, scheduleId);
      return { ...state, schedules: schedules.delete(scheduleId), delivered };
    }
    case 'schedule.failed': {
      const kept = failed.set(scheduleId, event.data.code).takeLast(MAX_FAILED_SCHEDULES);
      return { ...state, schedules: schedules.delete(scheduleId), failed: kept };
    }
  }
}

/** Tells the state where the commit of these events is: what it left in the log is read from there. */
export function userStored(state: UserState, events: readonly LogEvent[], sequence: number): UserState {
  if (!events.some(({ type }) => type === 'message.scheduled')) return state;
  const schedules = state.schedules.withMutations((draft) => {
    for (const event of events) {
      if (event.type !== 'message.scheduled') continue;
      const schedule = draft.get(event.data.scheduleId);
      if (schedule) draft.set(event.data.scheduleId, { ...schedule, sequence });
    }
  });
  return { ...state, schedules };
}

function withPreferences(state: UserState, changes: PreferencesChanges): UserState {
  const { notifications = {}, conversations = {}, unarchiveOnMessage = state.unarchiveOnMessage } = changes;
  const levels = state.levels.withMutations((draft) => {
    for (const [conversationId, level] of Object.entries(conversations)) {
      if (level === null) draft.delete(conversationId);
      else draft.set(conversationId, level);
    }
  });
  return {
    ...state,
    notifications: { ...state.notifications, ...present(notifications) },
    levels,
    unarchiveOnMessage,
  };
}

function withInbox(state: UserState, conversationId: string, changes: Partial<InboxEntry>): UserState {
  const entry = { ...inboxOf(state, conversationId), ...changes };
  const untouched = entry.mutedUntil === 0 && !entry.archived && !entry.pinned;
  const inbox = untouched ? state.inbox.delete(conversationId) : state.inbox.set(conversationId, entry);
  return { ...state, inbox };
}

function remember(keys: OrderedSet<string>, key: string): OrderedSet<string> {
  const added = keys.add(key);
  const oldest = added.first();
  return added.size > REMEMBERED && oldest !== undefined ? added.delete(oldest) : added;
}

type Present<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Without the fields that are there but undefined: spreading one would take a value away. */
export function present<T extends object>(changes: T): Present<T> {
  return Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined)) as Present<T>;
}
