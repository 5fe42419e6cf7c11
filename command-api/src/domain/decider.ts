import type {
  CommandResult,
  CommandType,
  ErrorCode,
  EventData,
  EventType,
  ProblemExtras,
} from '@parley/contracts';

/** The unchanging facts of an old message. */
export interface MessageFact {
  senderId: string;
  ordinal: number;
  /** Milliseconds since 1970. */
  sentAt: number;
  /** Of the root, when the message is a reply in a thread. */
  threadOrdinal: number | null;
  /** Known from elsewhere than the state, which remembers the newest deletions only. */
  deleted?: true;
}

/** What the log says of a message that a command names; `wrong-sequence` = the named commit does not hold it. */
export type Finding = MessageFact | 'unknown' | 'wrong-sequence';

/** What the shell found out for one command; what was not asked for is absent. */
export interface Facts {
  /** The message the command is about. */
  message?: Finding;
  /** The message it replies to. */
  replyTo?: Finding;
  /** The root of its thread. */
  thread?: Finding;
  /** One of the two in a direct conversation has blocked the other. */
  blocked?: boolean;
}

/** An event as a decider makes it; the write side adds the envelope. */
export type NewEvent = { [T in EventType]: { type: T; data: EventData<T> } }[EventType];

/** What a conversation confirms for a command that is written elsewhere: cursors, a user's own facts. */
export interface Confirmation {
  ordinal?: number;
  threadOrdinal?: number;
  authorId?: string;
  /** The actor is no member but in the audience of a broadcast. */
  audience?: boolean;
  /** Receipts are off: nobody else may ever be shown this cursor. */
  private?: boolean;
  /** Where the actor's cursor was last put back to (or further), and by which version of the conversation. */
  lowered?: { ordinal: number; version: number };
}

/** `accept` without events is a no-op, or, with `confirmed`, the conversation's consent to what is written elsewhere. */
export type Decision =
  | {
      kind: 'accept';
      events: NewEvent[];
      result: CommandResult<CommandType>;
      confirmed?: Confirmation;
    }
  | { kind: 'reject'; code: ErrorCode; extras?: ProblemExtras };

export function accept<T extends CommandType>(
  events: NewEvent[],
  result: CommandResult<T>,
  confirmed?: Confirmation,
): Decision {
  return { kind: 'accept', events, result, ...(confirmed && { confirmed }) };
}

export function reject(code: ErrorCode, extras?: ProblemExtras): Decision {
  return { kind: 'reject', code, ...(extras ? { extras } : {}) };
}

/** `detail` says how many there may be. */
export function atLimit(detail: string): Decision {
  return reject('limit-reached', { detail });
}

export function rejectField(path: string, message: string): Decision {
  return reject('invalid-request', { errors: [{ path, message }] });
}
