import type { PoolClient } from 'pg';
import { forgetReasons, insertAudit } from './audit-statements.ts';
import { type ConversationRows, conversationRows } from './conversation-rows.ts';
import {
  addReplies,
  deleteMentions,
  insertFollowers,
  insertMentions,
  insertPins,
  insertReactions,
  raiseFollowers,
} from './mark-statements.ts';
import {
  expireMessages,
  forgetTexts,
  insertMessages,
  insertTexts,
  keepFirstTexts,
  patchMessages,
} from './message-statements.ts';
import {
  deleteBans,
  deleteInvites,
  insertAudienceUsers,
  insertMemberships,
  patchMembers,
  putBans,
  putInvites,
  putMembers,
  raiseAudienceCursors,
} from './people-statements.ts';
import type { LaneChanges } from './projections/changes.ts';
import { type RowInserter, RowsDisagree, sendRows } from './send-rows.ts';
import {
  describeConversations,
  insertCommandResults,
  insertConversations,
  updateConversations,
} from './statements.ts';
import { writeUserRows } from './write-user-rows.ts';

/**
 * Writes a lane's changes in the client's open transaction, at most three statements per table and none for a table that
 * does not change; returns the rows it sent. Conversations come last and messages before them: until then the tables
 * say what was deleted, expired and applied before this batch. `insert` gets the statements that add most rows.
 */
export async function writeRows(
  client: PoolClient,
  changes: LaneChanges,
  insert: RowInserter = sendRows,
): Promise<number> {
  const rows = conversationRows(changes);
  await writePeople(client, rows, insert);
  await writeMarks(client, rows, insert);
  await writeMessages(client, rows, insert);
  await writeConversations(client, rows);
  await insert(client, insertCommandResults, changes.commandResults);
  const userRows = await writeUserRows(client, changes.users);
  return Object.values(rows).reduce(
    (sum, list) => sum + list.length,
    changes.commandResults.length + userRows,
  );
}

async function writePeople(client: PoolClient, rows: ConversationRows, insert: RowInserter): Promise<void> {
  // Without a role somebody left; else it may be the row in `members` that says since when.
  const isDated = ({ row }: ConversationRows['memberships'][number]) =>
    row.role === null || row.joinedAt !== null;
  await insert(client, insertMemberships, rows.memberships, isDated);
  await sendRows(client, putMembers, rows.memberPuts);
  await sendRows(client, patchMembers, rows.memberPatches);
  await sendRows(client, insertAudienceUsers, rows.audienceUsers);
  await sendRows(client, raiseAudienceCursors, rows.audienceCursors);
  await sendRows(client, putBans, rows.banPuts);
  await sendRows(client, deleteBans, rows.unbanned);
  await sendRows(client, putInvites, rows.invitePuts);
  await sendRows(client, deleteInvites, rows.answeredInvites);
}

async function writeMarks(client: PoolClient, rows: ConversationRows, insert: RowInserter): Promise<void> {
  await sendRows(client, deleteMentions, rows.replacedMentions);
  await sendRows(client, insertMentions, rows.mentions);
  await sendRows(client, insertReactions, rows.reactions);
  await sendRows(client, insertPins, rows.pins);
  await sendRows(client, addReplies, rows.threads);
  await sendRows(client, raiseFollowers, rows.raisedFollowers);
  await sendRows(client, insertFollowers, rows.newFollowers);
  await sendRows(client, forgetReasons, rows.expiries);
  await insert(client, insertAudit, rows.audit, ({ row }) => row.deletedOrdinal === null);
}

async function writeMessages(client: PoolClient, rows: ConversationRows, insert: RowInserter): Promise<void> {
  await sendRows(client, keepFirstTexts, rows.firstEdited);
  await sendRows(client, insertTexts, rows.texts);
  await sendRows(client, forgetTexts, rows.forgottenTexts);
  await sendRows(client, patchMessages, rows.messagePatches);
  await sendRows(client, expireMessages, rows.expiries);
  await insert(client, insertMessages, rows.sentMessages);
}

async function writeConversations(client: PoolClient, rows: ConversationRows): Promise<void> {
  await sendRows(client, insertConversations, rows.created);
  await sendRows(client, describeConversations, rows.described);
  const updated = await sendRows(client, updateConversations, rows.updated);
  if (updated !== rows.updated.length) {
    throw new RowsDisagree(`${rows.updated.length - updated} conversations of this batch have no row`);
  }
}
