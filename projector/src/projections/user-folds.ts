import type { EventOf, UserEventType } from '@parley/contracts';
import { storableTime } from './storable-time.ts';
import type { InboxChange, ScheduleOutcome, UserChanges } from './user-changes.ts';

type Fold<T extends UserEventType> = (event: EventOf<T>, user: UserChanges, sequence: number) => void;

/** What the tables of the user lanes make of every event type of a user. */
const userFolds: { readonly [T in UserEventType]: Fold<T> } = {
  'profile.changed': ({ data }, { profile }) => {
    if (data.displayName !== undefined) profile.displayName = data.displayName;
    if (data.avatar !== undefined) profile.avatar = data.avatar;
    if (data.statusText !== undefined) profile.statusText = data.statusText;
    if (data.lastSeenVisible !== undefined) profile.lastSeenVisible = data.lastSeenVisible;
  },
  'preferences.changed': ({ data }, { preferences }) => {
    Object.assign(preferences.notifications, data.notifications);
    Object.assign(preferences.conversations, data.conversations);
    if (data.unarchiveOnMessage !== undefined) preferences.unarchiveOnMessage = data.unarchiveOnMessage;
  },
  'inbox.muted': ({ data, time }, user, sequence) => {
    const inbox = inboxOf(user, data.conversationId);
    const until = data.until === undefined ? 'infinity' : storableTime(data.until);
    inbox.muted = { ...mutedFrom(inbox, sequence, time), until };
    delete inbox.unmutedAt;
  },
  'inbox.unmuted': ({ data, time }, user) => {
    const inbox = inboxOf(user, data.conversationId);
    if (inbox.unmutedAt === undefined || Date.parse(time) < Date.parse(inbox.unmutedAt)) {
      inbox.unmutedAt = time;
    }
  },
  'inbox.archived': ({ data }, user, sequence) => {
    inboxOf(user, data.conversationId).archivedSequence = sequence;
  },
  'inbox.unarchived': ({ data }, user) => {
    inboxOf(user, data.conversationId).archivedSequence = null;
  },
  'inbox.pinned': ({ data, time }, user) => {
    inboxOf(user, data.conversationId).pinnedAt = time;
  },
  'inbox.unpinned': ({ data }, user) => {
    inboxOf(user, data.conversationId).pinnedAt = null;
  },
  'message.hidden': ({ data }, user) => {
    const inbox = inboxOf(user, data.conversationId);
    inbox.hidden.add(data.ordinal);
    inbox.lastHiddenOrdinal = Math.max(inbox.lastHiddenOrdinal, data.ordinal);
  },
  'message.reported': ({ data, time }, { reports }, sequence) => {
    const { conversationId, ordinal, messageId, authorId, reason, note = null } = data;
    const key = `${conversationId} ${ordinal}`;
    if (reports.has(key)) return;
    reports.set(key, { conversationId, ordinal, messageId, authorId, reason, note, at: time, sequence });
  },
  'user.blocked': ({ data, time }, { blocks }) => {
    blocks.set(data.userId, { at: time });
  },
  'user.unblocked': ({ data }, { blocks }) => {
    blocks.set(data.userId, null);
  },
  'device.registered': ({ data, time }, { devices }) => {
    devices.set(data.deviceId, { platform: data.platform, name: data.name ?? null, registeredAt: time });
  },
  'device.removed': ({ data }, { devices }) => {
    devices.set(data.deviceId, null);
  },
  'message.scheduled': ({ data }, { schedules }) => {
    const { conversationId, message } = data;
    const dueAt = storableTime(data.at);
    const schedule = { conversationId, dueAt, message: JSON.stringify(message) };
    schedules.set(data.scheduleId, {
      kind: 'put',
      schedule: { ...schedule, state: 'pending', code: null },
    });
  },
  'schedule.cancelled': ({ data }, { schedules }) => {
    schedules.set(data.scheduleId, { kind: 'gone' });
  },
  'schedule.released': ({ data }, user) => {
    settleSchedule(user, data.scheduleId, { state: 'released', code: null });
  },
  'schedule.sent': ({ data }, { schedules }) => {
    schedules.set(data.scheduleId, { kind: 'gone' });
  },
  'schedule.failed': ({ data }, user) => {
    settleSchedule(user, data.scheduleId, { state: 'failed', code: data.code });
  },
  'notifications.read': ({ data }, user) => {
    user.notificationsReadSequence = Math.max(user.notificationsReadSequence, data.upTo ?? 0);
    for (const id of data.ids ?? []) user.notificationReads.add(id);
  },
};

/** Merges one event into the changes of its user. */
export function foldUserEvent<T extends UserEventType>(
  event: EventOf<T>,
  user: UserChanges,
  sequence: number,
): void {
  const fold: Fold<T> = userFolds[event.type];
  fold(event, user, sequence);
}

function inboxOf({ inbox }: UserChanges, conversationId: string): InboxChange {
  let change = inbox.get(conversationId);
  if (!change) {
    change = { hidden: new Set(), lastHiddenOrdinal: 0 };
    inbox.set(conversationId, change);
  }
  return change;
}

/** Another end for a mute that is still running is the same mute: what it has silenced stays silent. */
function mutedFrom(
  { muted, unmutedAt }: InboxChange,
  sequence: number,
  time: string,
): { sequence: number; since: string | null } {
  if (!muted) return { sequence, since: unmutedAt === undefined ? time : null };
  const end = unmutedAt ?? muted.until;
  const ended = end !== 'infinity' && Date.parse(end) <= Date.parse(time);
  const ranOut = muted.until !== 'infinity' && Date.parse(muted.until) <= Date.parse(time);
  return ended || ranOut ? { sequence, since: null } : { sequence: muted.sequence, since: muted.since };
}

function settleSchedule({ schedules }: UserChanges, scheduleId: string, outcome: ScheduleOutcome): void {
  const change = schedules.get(scheduleId);
  if (change?.kind === 'gone') return;
  if (change?.kind === 'put') Object.assign(change.schedule, outcome);
  else schedules.set(scheduleId, { kind: 'patch', outcome });
}
