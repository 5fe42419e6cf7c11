import type { ConversationChange } from './conversation-change.ts';
import type { MemberChange, MembershipChange } from './member-change.ts';
import type { MentionsChange, MessageChange } from './message-change.ts';
import type { UserChanges } from './user-changes.ts';

/**
 * What one lane's batch changes, as operations that need no prior read: the same operations merged in memory or
 * applied to the tables one after the other give the same rows.
 */
export interface LaneChanges {
  conversations: Map<string, ConversationChanges>;
  users: Map<string, UserChanges>;
  commandResults: CommandResult[];
}

/** Everything that changes in one conversation, across tables. In maps by user or ordinal null means: the row goes. */
export interface ConversationChanges {
  conversation: ConversationChange | null;
  members: Map<string, MemberChange>;
  memberships: MembershipChange[];
  audienceCursors: Map<string, AudienceCursor>;
  bans: Map<string, Ban | null>;
  invites: Map<string, Invite | null>;
  messages: Map<number, MessageChange>;
  mentions: Map<number, MentionsChange>;
  /** Changes of one user's one emoji on one message, in turns. */
  reactions: Map<string, ReactionChange[]>;
  pins: PinChange[];
  threads: Map<number, ThreadChange>;
  /** By root and user. */
  followers: Map<string, FollowerChange>;
  audit: AuditEntry[];
}

export interface AudienceCursor {
  readOrdinal: number;
  deliveredOrdinal: number;
}

export interface Ban {
  bannedBy: string;
  at: string;
  until: string | null;
  reason: string | null;
}

export interface Invite {
  role: string;
  invitedBy: string;
  at: string;
  expiresAt: string | null;
  sequence: number;
}

export interface ReactionChange {
  ordinal: number;
  emoji: string;
  userId: string;
  version: number;
  sequence: number;
  at: string;
  authorId: string;
  added: boolean;
  /** The batch's first: it is void when the table says the same already. */
  first: boolean;
  /** The batch's last. */
  latest: boolean;
}

export interface PinChange {
  ordinal: number;
  version: number;
  sequence: number;
  at: string;
  by: string;
  pinned: boolean;
}

export interface ThreadChange {
  replies: number;
  lastReplyOrdinal: number;
  lastReplyAt: string;
  lastReplySequence: number;
}

/** A row that is there is raised, one that is not is made when somebody began to follow in this batch. */
export interface FollowerChange {
  ordinal: number;
  userId: string;
  /** Null = did not begin to follow in this batch. */
  followedFrom: number | null;
  /** Of a new row. */
  readOrdinal: number;
  /** For a row that is there; 0 = not raised. */
  raisedTo: number;
  /** Of the newest cursor that was merged in, 0 without one: see MemberPatch. */
  cursorSequence: number;
}

export interface AuditEntry {
  version: number;
  sequence: number;
  at: string;
  actor: string;
  type: string;
  /** JSON text. */
  details: string;
  /** Of the message that it says was deleted: void when that was gone before. Null for all others. */
  deletedOrdinal: number | null;
}

export interface CommandResult {
  commandId: string;
  aggregate: string;
  sequence: number;
}

export function noChanges(): LaneChanges {
  return { conversations: new Map(), users: new Map(), commandResults: [] };
}

/** The changes of one conversation, empty when it had none yet. */
export function changesOf(lane: LaneChanges, conversationId: string): ConversationChanges {
  let changes = lane.conversations.get(conversationId);
  if (!changes) {
    changes = {
      conversation: null,
      members: new Map(),
      memberships: [],
      audienceCursors: new Map(),
      bans: new Map(),
      invites: new Map(),
      messages: new Map(),
      mentions: new Map(),
      reactions: new Map(),
      pins: [],
      threads: new Map(),
      followers: new Map(),
      audit: [],
    };
    lane.conversations.set(conversationId, changes);
  }
  return changes;
}

/** Deleted or expired, as far as this batch knows: whatever comes after that for the message is void. */
export function isGone(changes: ConversationChanges, ordinal: number): boolean {
  const expired = changes.conversation?.expiredOrdinal ?? 0;
  return ordinal <= expired || (changes.messages.get(ordinal)?.deletion ?? null) !== null;
}
