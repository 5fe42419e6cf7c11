/** What an edit replaces and as-of reads ask for. Structured parts are JSON text, so that they are encoded once. */
export interface MessageText {
  body: string | null;
  format: string;
  ciphertext: string | null;
  mentions: string;
}

export interface Edit extends MessageText {
  mentionsAll: boolean;
  version: number;
  sequence: number;
  at: string;
  by: string;
}

interface Deletion {
  at: string;
  by: string;
  reason: string | null;
}

export interface MessageChange {
  /** Present when the message was sent in this batch: insert, otherwise a patch that is void on a row that is gone. */
  sent: SentMessage | null;
  /** In order; the last one's text holds. */
  edits: Edit[];
  deletion: Deletion | null;
  version: number;
}

export interface SentMessage extends MessageText {
  messageId: string;
  version: number;
  sequence: number;
  senderId: string;
  sentAt: string;
  replies: number;
  attachments: string;
  replyTo: string | null;
  replyToAuthor: string | null;
  threadId: string | null;
  threadOrdinal: number | null;
  mentionsAll: boolean;
  metadata: string | null;
}

/** Who a message names once the batch is applied. */
export interface MentionsChange {
  /** The message was written before this batch: the rows that it has go, but those of users who are kept. */
  replaces: boolean;
  inThread: boolean;
  users: Map<string, MentionedUser>;
}

interface MentionedUser {
  sequence: number;
  /** Named by every edit of the batch: a row from before stays as it is, so that nobody is told twice. */
  kept: boolean;
}
