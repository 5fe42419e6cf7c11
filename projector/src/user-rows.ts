import type {
  Device,
  InboxChange,
  Report,
  Schedule,
  ScheduleOutcome,
  UserChanges,
} from './projections/user-changes.ts';

export interface UserRow {
  userId: string;
  row: UserChanges;
}

export interface InboxRow {
  userId: string;
  conversationId: string;
  row: InboxChange;
}

export interface HiddenRow {
  userId: string;
  conversationId: string;
  ordinal: number;
}

export interface NotificationReadRow {
  userId: string;
  notificationId: string;
}

export interface BlockRow {
  userId: string;
  blockedId: string;
}

export interface BlockPutRow extends BlockRow {
  at: string;
}

export interface DeviceRow {
  userId: string;
  deviceId: string;
}

export interface DevicePutRow extends DeviceRow {
  row: Device;
}

export interface ScheduleRow {
  userId: string;
  scheduleId: string;
}

export interface SchedulePutRow extends ScheduleRow {
  row: Schedule;
}

export interface SchedulePatchRow extends ScheduleRow {
  row: ScheduleOutcome;
}

export interface ReportRow {
  userId: string;
  row: Report;
}

function noRows() {
  return {
    users: [] as UserRow[],
    inbox: [] as InboxRow[],
    hidden: [] as HiddenRow[],
    notificationReads: [] as NotificationReadRow[],
    blockPuts: [] as BlockPutRow[],
    blockDeletions: [] as BlockRow[],
    devicePuts: [] as DevicePutRow[],
    deviceDeletions: [] as DeviceRow[],
    schedulePuts: [] as SchedulePutRow[],
    schedulePatches: [] as SchedulePatchRow[],
    scheduleDeletions: [] as ScheduleRow[],
    reports: [] as ReportRow[],
  };
}

type UserRows = ReturnType<typeof noRows>;

/** The changes of all users as rows by statement. No row is in two lists of one table, so their order does not matter. */
export function arrangeUsers(users: ReadonlyMap<string, UserChanges>): UserRows {
  const rows = noRows();
  for (const [userId, row] of users) {
    rows.users.push({ userId, row });
    for (const [conversationId, inbox] of row.inbox) {
      rows.inbox.push({ userId, conversationId, row: inbox });
      for (const ordinal of inbox.hidden) rows.hidden.push({ userId, conversationId, ordinal });
    }
    for (const notificationId of row.notificationReads)
      rows.notificationReads.push({ userId, notificationId });
    for (const report of row.reports.values()) rows.reports.push({ userId, row: report });
    arrangeLists(userId, row, rows);
  }
  return rows;
}

function arrangeLists(userId: string, { blocks, devices, schedules }: UserChanges, rows: UserRows): void {
  for (const [blockedId, block] of blocks) {
    if (block) rows.blockPuts.push({ userId, blockedId, ...block });
    else rows.blockDeletions.push({ userId, blockedId });
  }
  for (const [deviceId, device] of devices) {
    if (device) rows.devicePuts.push({ userId, deviceId, row: device });
    else rows.deviceDeletions.push({ userId, deviceId });
  }
  for (const [scheduleId, change] of schedules) {
    if (change.kind === 'put') rows.schedulePuts.push({ userId, scheduleId, row: change.schedule });
    else if (change.kind === 'patch') rows.schedulePatches.push({ userId, scheduleId, row: change.outcome });
    else rows.scheduleDeletions.push({ userId, scheduleId });
  }
}
