/**
 * What one lane's batch changes, as operations that need no prior read: the same operations merged in memory or
 * applied to the tables one after the other give the same rows.
 */
export interface LaneChanges {
  conversations: Map<string, ConversationChanges>;
  commandResults: CommandResult[];
}

/** Everything that changes in one conversation, across tables. */
export interface ConversationChanges {
  conversation: ConversationChange | null;
  members: Map<string, MemberChange>;
  messages: Map<number, MessageChange>;
}

export interface ConversationChange {
  /** Present when the conversation began in this batch: insert, otherwise update. */
  creation: ConversationCreation | null;
  memberDelta: number;
  /** 0 = no message in this batch; counts and ordinals merge by maximum. */
  messageCount: number;
  lastMessageAt: string | null;
  lastDeletedOrdinal: number;
  version: number;
  sequence: number;
}

interface ConversationCreation {
  type: string;
  title: string | null;
  description: string | null;
  createdAt: string;
  createdBy: string;
}

export interface Departure {
  sequence: number;
  reason: 'left' | 'removed';
}

/** A row that is written whole: a member that came (again), and what happened to it afterwards. */
export interface MemberPut {
  kind: 'put';
  role: string;
  joinedAt: string;
  joinedSequence: number;
  readOrdinal: number;
  departure: Departure | null;
}

/** Applies to a row that is in the table and has not left; void otherwise. */
export interface MemberPatch {
  kind: 'patch';
  /** 0 = not raised. */
  readOrdinal: number;
  departure: Departure | null;
}

export type MemberChange = MemberPut | MemberPatch;

interface Edit {
  body: string;
  format: string;
  at: string;
  by: string;
}

interface Deletion {
  at: string;
  by: string;
  reason: string | null;
}

/** `edit` is the last of `editCount`. */
export interface MessageChange {
  /** Present when the message was sent in this batch: insert, otherwise a patch that is void on a deleted row. */
  sent: SentMessage | null;
  edit: Edit | null;
  editCount: number;
  deletion: Deletion | null;
  version: number;
}

export interface SentMessage {
  messageId: string;
  sequence: number;
  senderId: string;
  sentAt: string;
  body: string;
  format: string;
  replyTo: string | null;
  /** JSON text, so that it is encoded once. */
  metadata: string | null;
}

export interface CommandResult {
  commandId: string;
  aggregate: string;
  sequence: number;
}

export function noChanges(): LaneChanges {
  return { conversations: new Map(), commandResults: [] };
}

/** The changes of one conversation, empty when it had none yet. */
export function changesOf(lane: LaneChanges, conversationId: string): ConversationChanges {
  let changes = lane.conversations.get(conversationId);
  if (!changes) {
    changes = { conversation: null, members: new Map(), messages: new Map() };
    lane.conversations.set(conversationId, changes);
  }
  return changes;
}
