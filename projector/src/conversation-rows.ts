import type {
  AudienceCursor,
  AuditEntry,
  Ban,
  ConversationChanges,
  FollowerChange,
  Invite,
  LaneChanges,
  PinChange,
  ReactionChange,
  ThreadChange,
} from './projections/changes.ts';
import type { ConversationChange, ConversationDescription } from './projections/conversation-change.ts';
import type { MemberPatch, MemberPut, MembershipChange } from './projections/member-change.ts';
import type {
  MentionsChange,
  MessageChange,
  MessageText,
  SentMessage,
} from './projections/message-change.ts';

export interface ConversationRow {
  id: string;
  row: ConversationChange;
}

export interface DescriptionRow {
  id: string;
  row: ConversationDescription;
}

export interface OfConversation<Row> {
  conversationId: string;
  row: Row;
}

export interface OfUser<Row> extends OfConversation<Row> {
  userId: string;
}

export interface OfMessage<Row> extends OfConversation<Row> {
  ordinal: number;
}

export interface SentRow extends OfMessage<MessageChange> {
  sent: SentMessage;
  /** It was sent and expired in one batch. */
  expired: boolean;
}

interface TextVersion extends MessageText {
  version: number;
  sequence: number;
  at: string;
  by: string;
}

interface Mention {
  userId: string;
  sequence: number;
  inThread: boolean;
}

/** Ordinals of one conversation, both included. */
export interface OrdinalRange {
  from: number;
  through: number;
}

function noRows() {
  return {
    created: [] as ConversationRow[],
    updated: [] as ConversationRow[],
    described: [] as DescriptionRow[],
    memberPuts: [] as OfUser<MemberPut>[],
    memberPatches: [] as OfUser<MemberPatch>[],
    memberships: [] as OfConversation<MembershipChange>[],
    audienceUsers: [] as OfUser<null>[],
    audienceCursors: [] as OfUser<AudienceCursor>[],
    banPuts: [] as OfUser<Ban>[],
    unbanned: [] as OfUser<null>[],
    invitePuts: [] as OfUser<Invite>[],
    answeredInvites: [] as OfUser<null>[],
    sentMessages: [] as SentRow[],
    messagePatches: [] as OfMessage<MessageChange>[],
    firstEdited: [] as OfMessage<MessageChange>[],
    texts: [] as OfMessage<TextVersion>[],
    forgottenTexts: [] as OfConversation<OrdinalRange>[],
    expiries: [] as OfConversation<OrdinalRange>[],
    replacedMentions: [] as OfMessage<MentionsChange>[],
    mentions: [] as OfMessage<Mention>[],
    reactions: [] as OfConversation<ReactionChange>[],
    pins: [] as OfConversation<PinChange>[],
    threads: [] as OfMessage<ThreadChange>[],
    newFollowers: [] as OfConversation<FollowerChange>[],
    raisedFollowers: [] as OfConversation<FollowerChange>[],
    audit: [] as OfConversation<AuditEntry>[],
  };
}

/** The rows that a lane's changes come to, for each statement. */
export type ConversationRows = ReturnType<typeof noRows>;

export function conversationRows(changes: LaneChanges): ConversationRows {
  const rows = noRows();
  for (const [id, changed] of changes.conversations) {
    arrangeConversation(id, changed, rows);
    arrangePeople(id, changed, rows);
    arrangeMessages(id, changed, rows);
    arrangeMarks(id, changed, rows);
  }
  return rows;
}

function arrangeConversation(id: string, changed: ConversationChanges, rows: ConversationRows): void {
  for (const row of changed.audit) rows.audit.push({ conversationId: id, row });
  const { conversation } = changed;
  if (conversation === null) return;
  if (conversation.creation) {
    rows.created.push({ id, row: conversation });
    for (const userId of conversation.creation.audienceUserIds ?? []) {
      rows.audienceUsers.push({ conversationId: id, userId, row: null });
    }
    return;
  }
  rows.updated.push({ id, row: conversation });
  if (conversation.description) rows.described.push({ id, row: conversation.description });
  if (conversation.expiredOrdinal > 0) {
    const row = { from: 1, through: conversation.expiredOrdinal };
    rows.expiries.push({ conversationId: id, row });
    rows.forgottenTexts.push({ conversationId: id, row });
  }
}

function arrangePeople(conversationId: string, changed: ConversationChanges, rows: ConversationRows): void {
  for (const [userId, row] of changed.members) {
    if (row.kind === 'put') rows.memberPuts.push({ conversationId, userId, row });
    else rows.memberPatches.push({ conversationId, userId, row });
  }
  for (const row of changed.memberships) rows.memberships.push({ conversationId, row });
  for (const [userId, row] of changed.audienceCursors) {
    rows.audienceCursors.push({ conversationId, userId, row });
  }
  for (const [userId, row] of changed.bans) {
    if (row) rows.banPuts.push({ conversationId, userId, row });
    else rows.unbanned.push({ conversationId, userId, row });
  }
  for (const [userId, row] of changed.invites) {
    if (row) rows.invitePuts.push({ conversationId, userId, row });
    else rows.answeredInvites.push({ conversationId, userId, row });
  }
}

function arrangeMessages(conversationId: string, changed: ConversationChanges, rows: ConversationRows): void {
  const expiredOrdinal = changed.conversation?.expiredOrdinal ?? 0;
  for (const [ordinal, row] of changed.messages) {
    const { sent, edits, deletion } = row;
    const expired = ordinal <= expiredOrdinal;
    // Spread objects have no fast shape, see `sentMessage`.
    if (sent) rows.sentMessages.push({ conversationId, ordinal, row, sent, expired });
    else rows.messagePatches.push({ conversationId, ordinal, row });
    if (deletion && !sent && !expired) {
      rows.forgottenTexts.push({ conversationId, row: { from: ordinal, through: ordinal } });
    }
    if (edits.length === 0 || deletion || expired) continue;
    if (sent) {
      rows.texts.push({ conversationId, ordinal, row: { ...sent, at: sent.sentAt, by: sent.senderId } });
    } else rows.firstEdited.push({ conversationId, ordinal, row });
    for (const row of edits) rows.texts.push({ conversationId, ordinal, row });
  }
}

function arrangeMarks(conversationId: string, changed: ConversationChanges, rows: ConversationRows): void {
  for (const [ordinal, row] of changed.mentions) {
    if (row.replaces) rows.replacedMentions.push({ conversationId, ordinal, row });
    for (const [userId, { sequence }] of row.users) {
      rows.mentions.push({ conversationId, ordinal, row: { userId, sequence, inThread: row.inThread } });
    }
  }
  for (const turns of changed.reactions.values()) {
    for (const row of turns) rows.reactions.push({ conversationId, row });
  }
  for (const row of changed.pins) rows.pins.push({ conversationId, row });
  for (const [ordinal, row] of changed.threads) rows.threads.push({ conversationId, ordinal, row });
  for (const row of changed.followers.values()) {
    if (row.followedFrom !== null) rows.newFollowers.push({ conversationId, row });
    if (row.raisedTo > 0) rows.raisedFollowers.push({ conversationId, row });
  }
}
