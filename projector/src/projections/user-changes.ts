import type { NotificationKind, NotificationLevel } from '@parley/contracts';

/**
 * Everything that a batch changes of one user, as operations that need no prior read: merged in memory or applied to
 * the tables one after the other they give the same rows. Absent = not changed, null = taken away.
 */
export interface UserChanges {
  /** The user's first event is in this batch: there is no row yet. */
  isNew: boolean;
  version: number;
  sequence: number;
  profile: ProfileChange;
  preferences: PreferencesChange;
  /** 0 = not raised. */
  notificationsReadSequence: number;
  notificationReads: Set<string>;
  /** By conversation. */
  inbox: Map<string, InboxChange>;
  /** By user; null = unblocked. */
  blocks: Map<string, { at: string } | null>;
  devices: Map<string, Device | null>;
  schedules: Map<string, ScheduleChange>;
  /** The first of each message, by conversation and ordinal. */
  reports: Map<string, Report>;
}

interface ProfileChange {
  displayName?: string | null | undefined;
  avatar?: string | null | undefined;
  statusText?: string | null | undefined;
  lastSeenVisible?: boolean | undefined;
}

interface PreferencesChange {
  notifications: Partial<Record<NotificationKind, boolean | undefined>>;
  conversations: Record<string, NotificationLevel | null>;
  unarchiveOnMessage?: boolean;
}

export interface InboxChange {
  /** `since`: when it began, if it may go on a mute of the table that is still running then; null when it begins anew. */
  muted?: { sequence: number; until: string; since: string | null };
  /** Ends the mute, this batch's or the one in the table, if it has not ended before; void without one. */
  unmutedAt?: string;
  archivedSequence?: number | null;
  pinnedAt?: string | null;
  hidden: Set<number>;
  /** 0 = none hidden. */
  lastHiddenOrdinal: number;
}

export interface Device {
  platform: string;
  name: string | null;
  registeredAt: string;
}

/** A patch is void without a row; one that was cancelled or sent has none. */
type ScheduleChange =
  | { kind: 'put'; schedule: Schedule }
  | { kind: 'patch'; outcome: ScheduleOutcome }
  | { kind: 'gone' };

export interface ScheduleOutcome {
  state: 'pending' | 'released' | 'failed';
  code: string | null;
}

export interface Schedule extends ScheduleOutcome {
  conversationId: string;
  dueAt: string;
  /** JSON text, so that it is encoded once. */
  message: string;
}

export interface Report {
  conversationId: string;
  ordinal: number;
  messageId: string;
  authorId: string;
  reason: string;
  note: string | null;
  at: string;
  sequence: number;
}

/** The changes of one user, empty when there were none yet; `isNew`: nothing of this user was ever applied. */
export function userChangesOf(users: Map<string, UserChanges>, userId: string, isNew: boolean): UserChanges {
  let changes = users.get(userId);
  if (!changes) {
    changes = {
      isNew,
      version: 0,
      sequence: 0,
      profile: {},
      preferences: { notifications: {}, conversations: {} },
      notificationsReadSequence: 0,
      notificationReads: new Set(),
      inbox: new Map(),
      blocks: new Map(),
      devices: new Map(),
      schedules: new Map(),
      reports: new Map(),
    };
    users.set(userId, changes);
  }
  return changes;
}
