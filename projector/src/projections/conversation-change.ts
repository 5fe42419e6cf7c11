import type { EventData } from '@parley/contracts';

export interface ConversationChange {
  /** Present when the conversation began in this batch: insert, otherwise update. */
  creation: ConversationCreation | null;
  /** Null when nothing of it changed. */
  description: ConversationDescription | null;
  memberDelta: number;
  /** 0 = no message in this batch; counts and ordinals merge by maximum. */
  messageCount: number;
  replyCount: number;
  lastMainOrdinal: number;
  lastMessageAt: string | null;
  lastMessageSequence: number;
  lastDeletedOrdinal: number;
  lastMentionAllOrdinal: number;
  lastReplyOrdinal: number;
  expiredOrdinal: number;
  version: number;
  sequence: number;
}

interface ConversationCreation {
  type: string;
  audience: string | null;
  segment: string | null;
  audienceUserIds: readonly string[] | null;
  createdAt: string;
  createdBy: string;
}

/** Absent = not changed, null = taken away; settings merge key by key. */
export interface ConversationDescription {
  title?: string | null;
  description?: string | null;
  avatar?: string | null;
  settings?: EventData<'conversation.updated'>['settings'];
  archivedAt?: string | null;
  deletedAt?: string;
}
