import type { PoolClient } from 'pg';
import { arrayLiteral } from './array-literal.ts';
import type { ConversationChanges, LaneChanges, MemberPatch, MemberPut } from './projections/changes.ts';
import {
  type ConversationRow,
  insertCommandResults,
  insertConversations,
  insertMessages,
  type MemberRow,
  type MessageRow,
  patchMembers,
  patchMessages,
  putMembers,
  type SentRow,
  type Statement,
  updateConversations,
} from './statements.ts';

/** The tables do not hold what the changes presume, so that writing them would hide a fault. */
export class RowsDisagree extends Error {
  override name = 'RowsDisagree';
}

/** Writes a lane's changes in the client's open transaction, one statement per table; returns the rows it sent. */
export async function writeRows(client: PoolClient, changes: LaneChanges): Promise<number> {
  const rows = arrange(changes);
  await send(client, insertConversations, rows.newConversations);
  const updated = await send(client, updateConversations, rows.conversations);
  if (updated !== rows.conversations.length) {
    throw new RowsDisagree(`${rows.conversations.length - updated} conversations of this batch have no row`);
  }
  await send(client, putMembers, rows.memberPuts);
  await send(client, patchMembers, rows.memberPatches);
  await send(client, insertMessages, rows.newMessages);
  await send(client, patchMessages, rows.messagePatches);
  await send(client, insertCommandResults, changes.commandResults);
  return Object.values(rows).reduce((sum, list) => sum + list.length, changes.commandResults.length);
}

function arrange(changes: LaneChanges) {
  const rows = {
    newConversations: [] as ConversationRow[],
    conversations: [] as ConversationRow[],
    memberPuts: [] as MemberRow<MemberPut>[],
    memberPatches: [] as MemberRow<MemberPatch>[],
    newMessages: [] as SentRow[],
    messagePatches: [] as MessageRow[],
  };
  for (const [conversationId, changed] of changes.conversations) {
    arrangeConversation(conversationId, changed, rows);
    for (const [userId, row] of changed.members) {
      if (row.kind === 'put') rows.memberPuts.push({ conversationId, userId, row });
      else rows.memberPatches.push({ conversationId, userId, row });
    }
    for (const [ordinal, row] of changed.messages) {
      if (row.sent) rows.newMessages.push({ conversationId, ordinal, sent: row.sent, row });
      else rows.messagePatches.push({ conversationId, ordinal, row });
    }
  }
  return rows;
}

function arrangeConversation(
  id: string,
  { conversation: row }: ConversationChanges,
  rows: Pick<ReturnType<typeof arrange>, 'newConversations' | 'conversations'>,
): void {
  if (row?.creation) rows.newConversations.push({ id, row });
  else if (row) rows.conversations.push({ id, row });
}

async function send<Row>(
  client: PoolClient,
  statement: Statement<Row>,
  rows: readonly Row[],
): Promise<number> {
  if (rows.length === 0) return 0;
  const values = statement.columns.map((column) => arrayLiteral(column, rows));
  const result = await client.query({ name: statement.name, text: statement.text, values });
  return result.rowCount ?? 0;
}
