/** What a source gives of a conversation, in order: all that is later said about it names it by these. */
export interface Conversation {
  /** Of the source, unlike any other conversation's of any source: all keys are made from it. */
  key: string;
  type: 'direct' | 'group' | 'channel';
  title?: string | undefined;
  description?: string | undefined;
  /** In from the beginning; of a direct conversation the two it is between. */
  members: readonly string[];
  /** The owner that the source names, besides the one who imports; only when they are in at the end. */
  creator?: string | undefined;
  /** Who is in at the end; null when the source does not say, so that whoever came and did not go is in. */
  finalMembers: readonly string[] | null;
  archived?: boolean;
}

export interface Reaction {
  emoji: string;
  user: string;
}

interface Placed {
  /** Where it stands in the source, for reports: a file with its line, or a file with the message's own id. */
  place: string;
  /** Of the source, unlike any other of its conversation. */
  id: string;
  user: string;
}

export interface MessageItem extends Placed {
  kind: 'message';
  text: string;
  /** Stored as `metadata.imported`. */
  imported: Readonly<Record<string, string>>;
  /** Whether a later item may name it as `thread` or `replyTo`. */
  answerable: boolean;
  /** The id of the first message of its thread. */
  thread?: string | undefined;
  /** What it may answer, best first. */
  replyTo?: readonly string[] | undefined;
  reactions?: readonly Reaction[];
  /** It was deleted at its source, and answers to it were not. */
  deleted?: boolean;
}

export interface MoveItem extends Placed {
  kind: 'join' | 'leave';
}

/** Something that does not become a command. `loss`: it should have become one, so that the import is not complete. */
export interface SkippedItem {
  kind: 'skipped';
  place: string;
  reason: string;
  loss: boolean;
}

export type Item = MessageItem | MoveItem | SkippedItem;

/** Someone to give a name to. */
export interface Person {
  userId: string;
  displayName: string;
}
