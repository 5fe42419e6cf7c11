import type { PoolClient } from 'pg';
import type { UserChanges } from './projections/user-changes.ts';
import { RowsDisagree, sendRows } from './send-rows.ts';
import {
  deleteBlocks,
  deleteDevices,
  deleteSchedules,
  insertReports,
  patchSchedules,
  putBlocks,
  putDevices,
  putSchedules,
} from './user-list-statements.ts';
import { arrangeUsers } from './user-rows.ts';
import { insertHiddenMessages, insertNotificationReads, mergeInbox, mergeUsers } from './user-statements.ts';

/** Writes the users' changes in the client's open transaction; returns the rows it sent. Throws RowsDisagree. */
export async function writeUserRows(
  client: PoolClient,
  users: ReadonlyMap<string, UserChanges>,
): Promise<number> {
  if (users.size === 0) return 0;
  const rows = arrangeUsers(users);
  const merged = await sendRows(client, mergeUsers, rows.users);
  if (merged !== rows.users.length) {
    throw new RowsDisagree(`${rows.users.length - merged} users of this batch have no row`);
  }
  await sendRows(client, mergeInbox, rows.inbox);
  await sendRows(client, insertHiddenMessages, rows.hidden);
  await sendRows(client, insertNotificationReads, rows.notificationReads);
  await sendRows(client, putBlocks, rows.blockPuts);
  await sendRows(client, deleteBlocks, rows.blockDeletions);
  await sendRows(client, putDevices, rows.devicePuts);
  await sendRows(client, deleteDevices, rows.deviceDeletions);
  await sendRows(client, putSchedules, rows.schedulePuts);
  await sendRows(client, patchSchedules, rows.schedulePatches);
  await sendRows(client, deleteSchedules, rows.scheduleDeletions);
  await sendRows(client, insertReports, rows.reports);
  return Object.values(rows).reduce((sum, list) => sum + list.length, 0);
}
