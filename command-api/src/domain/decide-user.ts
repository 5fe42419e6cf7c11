import type { Command, CommandData, CommandOf, PreferencesChanges } from '@parley/contracts';
import type { Accept, Decided, KnownFacts } from './aggregate.ts';
import { accept, atLimit, type NewEvent, reject, rejectField } from './decider.ts';
import {
  type Delivery,
  type InboxEntry,
  inboxOf,
  MAX_DEVICES,
  MAX_FAILED_SCHEDULES,
  MAX_SCHEDULES,
  messageKey,
  present,
  type UserState,
} from './user.ts';

const FURTHEST_SCHEDULE_MS = 366 * 86_400_000;
/** Conversations with a notification level of their own: what one event of preferences can be large with. */
const MAX_LEVELS = 1_000;

type AboutOne = CommandOf<
  'user.mute' | 'user.unmute' | 'user.archive' | 'user.unarchive' | 'user.pin' | 'user.unpin'
>;

/**
 * Decides what a user does to their own facts. Commands about a conversation come here after it has confirmed them:
 * `facts.confirmed` is what it said. Time is the command's.
 */
export function decideUser(state: UserState, command: Command, facts: KnownFacts): Decided {
  switch (command.type) {
    case 'user.set-profile':
      return setProfile(state, command.data);
    case 'user.set-preferences':
      return setPreferences(state, command.data);
    case 'user.mute':
    case 'user.unmute':
    case 'user.archive':
    case 'user.unarchive':
    case 'user.pin':
    case 'user.unpin':
      return changeInbox(state, command as AboutOne);
    case 'user.hide-message':
      return hide(state, command.data, facts);
    case 'message.report':
      return report(state, command.data, facts);
    case 'user.block':
    case 'user.unblock':
      return changeBlock(state, command.type, command.actor, command.data.userId);
    case 'user.register-device':
      return registerDevice(state, command.data);
    case 'user.remove-device': {
      const { deviceId } = command.data;
      return done(state.devices.has(deviceId) && { type: 'device.removed', data: { deviceId } });
    }
    case 'message.schedule':
      return schedule(state, command);
    case 'message.cancel-schedule':
      return cancel(state, command.data.scheduleId);
    case 'message.deliver-scheduled':
      return deliver(state, command, facts);
    case 'notifications.read':
      return readNotifications(state, command.data, facts.head);
    default:
      return reject('not-allowed-here', { detail: 'This is not a command about a user.' });
  }
}

/** An event, or false for a no-op. */
function done(event: NewEvent | false): Accept {
  return { kind: 'accept', events: event ? [event] : [], result: {} };
}

function setProfile(state: UserState, data: CommandData<'user.set-profile'>): Decided {
  const entries = Object.entries(present(data)) as [keyof UserState['profile'], unknown][];
  const changed = entries.filter(([name, value]) => state.profile[name] !== value);
  return done(changed.length > 0 && { type: 'profile.changed', data: Object.fromEntries(changed) });
}

function setPreferences(state: UserState, data: CommandData<'user.set-preferences'>): Decided {
  const notifications = Object.entries(present(data.notifications ?? {})).filter(
    ([kind, on]) => state.notifications[kind as keyof UserState['notifications']] !== on,
  );
  const levels = Object.entries(data.conversations ?? {}).filter(
    ([conversationId, level]) => (state.levels.get(conversationId) ?? null) !== level,
  );
  const added = levels.filter(([id, level]) => level !== null && !state.levels.has(id)).length;
  const removed = levels.filter(([, level]) => level === null).length;
  if (added > 0 && state.levels.size + added - removed > MAX_LEVELS) {
    return atLimit(`At most ${MAX_LEVELS} conversations have a level of their own.`);
  }
  const { unarchiveOnMessage = state.unarchiveOnMessage } = data;
  const changes: PreferencesChanges = {
    ...(notifications.length > 0 && { notifications: Object.fromEntries(notifications) }),
    ...(levels.length > 0 && { conversations: Object.fromEntries(levels) }),
    ...(unarchiveOnMessage !== state.unarchiveOnMessage && { unarchiveOnMessage }),
  };
  return done(Object.keys(changes).length > 0 && { type: 'preferences.changed', data: changes });
}

function changeInbox(state: UserState, { type, at, data }: AboutOne): Decided {
  const { conversationId } = data;
  const entry = inboxOf(state, conversationId);
  if (type === 'user.mute') return mute(entry, at, data);
  if (type === 'user.unmute') {
    return done(entry.mutedUntil > at && { type: 'inbox.unmuted', data: { conversationId } });
  }
  // A message since may have brought an archived conversation back, which the user's facts do not know: archiving it
  // again moves the point from which a message does so.
  if (type === 'user.archive') return done({ type: 'inbox.archived', data: { conversationId } });
  if (type === 'user.unarchive') {
    return done(entry.archived && { type: 'inbox.unarchived', data: { conversationId } });
  }
  if (type === 'user.pin') return done(!entry.pinned && { type: 'inbox.pinned', data: { conversationId } });
  return done(entry.pinned && { type: 'inbox.unpinned', data: { conversationId } });
}

function mute(entry: InboxEntry, at: number, { conversationId, until }: CommandData<'user.mute'>): Decided {
  const end = until === undefined ? Infinity : Date.parse(until);
  if (end <= at) return rejectField('until', 'is in the past');
  const data = { conversationId, ...(until !== undefined && { until }) };
  return done(entry.mutedUntil !== end && { type: 'inbox.muted', data });
}

function hide(
  state: UserState,
  { conversationId, messageId }: CommandData<'user.hide-message'>,
  { confirmed }: KnownFacts,
): Decided {
  if (confirmed?.ordinal === undefined) return unconfirmed();
  const data = { conversationId, messageId, ordinal: confirmed.ordinal };
  return done(!state.hidden.has(messageKey(data)) && { type: 'message.hidden', data });
}

function report(
  state: UserState,
  { conversationId, messageId, reason, note }: CommandData<'message.report'>,
  { confirmed }: KnownFacts,
): Decided {
  if (confirmed?.ordinal === undefined || confirmed.authorId === undefined) return unconfirmed();
  const { ordinal, authorId } = confirmed;
  const data = { conversationId, messageId, ordinal, authorId, reason, ...(note !== undefined && { note }) };
  return done(!state.reported.has(messageKey(data)) && { type: 'message.reported', data });
}

function unconfirmed(): Decided {
  return reject('not-found', { errors: [{ path: 'messageId', message: 'no such message' }] });
}

function changeBlock(
  state: UserState,
  type: 'user.block' | 'user.unblock',
  actor: string,
  userId: string,
): Decided {
  if (userId === actor) return reject('self-message', { detail: 'Nobody blocks themselves.' });
  const blocked = state.blocks.has(userId);
  if (type === 'user.block') return done(!blocked && { type: 'user.blocked', data: { userId } });
  return done(blocked && { type: 'user.unblocked', data: { userId } });
}

function registerDevice(state: UserState, data: CommandData<'user.register-device'>): Decided {
  const { deviceId, platform, name } = data;
  const known = state.devices.get(deviceId);
  if (known?.platform === platform && known.name === name) return done(false);
  if (!known && state.devices.size >= MAX_DEVICES) {
    return atLimit(`At most ${MAX_DEVICES} devices are registered; remove one first.`);
  }
  return done({
    type: 'device.registered',
    data: { deviceId, platform, ...(name !== undefined && { name }) },
  });
}

function schedule(state: UserState, { id, at: now, data }: CommandOf<'message.schedule'>): Decided {
  const due = Date.parse(data.at);
  if (due <= now) return rejectField('at', 'is in the past');
  if (due > now + FURTHEST_SCHEDULE_MS) return rejectField('at', 'is more than 366 days ahead');
  if (state.schedules.size >= MAX_SCHEDULES) {
    return atLimit(`At most ${MAX_SCHEDULES} messages wait for their time; cancel one first.`);
  }
  const { conversationId, at, message } = data;
  const event: NewEvent = {
    type: 'message.scheduled',
    data: { scheduleId: id, conversationId, at, message },
  };
  return accept<'message.schedule'>([event], { scheduleId: id });
}

/** One that failed waits for nothing any more: to cancel it is to dismiss it. */
function cancel(state: UserState, scheduleId: string): Decided {
  const known = state.schedules.get(scheduleId);
  if (known?.released === false || state.failed.has(scheduleId)) return done(cancelled(scheduleId));
  const message =
    known || state.delivered.has(scheduleId)
      ? 'its time has come: it can no longer be cancelled'
      : 'no such scheduled message';
  return reject('not-found', { errors: [{ path: 'scheduleId', message }] });
}

function cancelled(scheduleId: string): NewEvent {
  return { type: 'schedule.cancelled', data: { scheduleId } };
}

/**
 * The first step releases a schedule, which from then on cannot be cancelled, and says what is to be sent; the last one
 * (`facts.delivery`) keeps what became of it. Each changes nothing when it was done before.
 */
function deliver(
  state: UserState,
  { at: now, data: { scheduleId } }: CommandOf<'message.deliver-scheduled'>,
  { delivery }: KnownFacts,
): Decided {
  const code = state.failed.get(scheduleId);
  if (code !== undefined) return delivered([], { outcome: 'failed', code });
  if (state.delivered.has(scheduleId)) return delivered([], { outcome: 'sent' });
  const known = state.schedules.get(scheduleId);
  if (!known) return accept<'message.deliver-scheduled'>([], { outcome: 'cancelled' });
  const { conversationId, at, sequence } = known;
  if (sequence === null || (!known.released && at > now)) {
    return rejectField('scheduleId', 'its time has not come');
  }
  if (known.released && delivery) return settle(state, scheduleId, delivery);
  const events: NewEvent[] = known.released ? [] : [{ type: 'schedule.released', data: { scheduleId } }];
  return { kind: 'accept', events, result: { outcome: 'sent' }, released: { conversationId, sequence } };
}

/** A failure that nobody dismisses gives way in the end: else there would be ever more of them. */
function settle({ failed }: UserState, scheduleId: string, delivery: Delivery): Decided {
  if (delivery.outcome === 'sent') {
    return delivered([{ type: 'schedule.sent', data: { scheduleId } }], delivery);
  }
  const oldest = failed.size >= MAX_FAILED_SCHEDULES ? failed.keySeq().first() : undefined;
  const events: NewEvent[] = [{ type: 'schedule.failed', data: { scheduleId, code: delivery.code } }];
  return delivered(oldest === undefined ? events : [cancelled(oldest), ...events], delivery);
}

function delivered(events: NewEvent[], delivery: Delivery): Decided {
  return accept<'message.deliver-scheduled'>(events, delivery);
}

/** What has not happened yet must not count as read when it does. */
function readNotifications(
  state: UserState,
  { ids, upTo }: CommandData<'notifications.read'>,
  head = Number.POSITIVE_INFINITY,
): Decided {
  if (upTo !== undefined && upTo > head) return rejectField('upTo', `the log ends at ${head}`);
  if (ids !== undefined) return done({ type: 'notifications.read', data: { ids: [...new Set(ids)] } });
  if (upTo === undefined || upTo <= state.readThrough) return done(false);
  return done({ type: 'notifications.read', data: { upTo } });
}
