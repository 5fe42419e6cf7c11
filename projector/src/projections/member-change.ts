export interface Departure {
  sequence: number;
  reason: 'left' | 'removed' | 'banned';
}

/** A row that is written whole: a member that came (again), and what happened to it afterwards. */
export interface MemberPut {
  kind: 'put';
  role: string;
  joinedAt: string;
  joinedSequence: number;
  joinedVersion: number;
  joinedOrdinal: number;
  readOrdinal: number;
  deliveredOrdinal: number;
  receiptOrdinal: number;
  /** Merges by maximum with that of a row from before: who comes back may go back to old mentions. */
  lastMentionOrdinal: number;
  departure: Departure | null;
}

/** Applies to a row that is in the table and has not left; void otherwise. */
export interface MemberPatch {
  kind: 'patch';
  /** Null = not changed. */
  role: string | null;
  /** `readOrdinal` is what the cursor is set to; otherwise it rises to it, 0 = not raised. */
  lowered: boolean;
  readOrdinal: number;
  /** This and the receipt only rise; 0 = not raised. */
  deliveredOrdinal: number;
  receiptOrdinal: number;
  lastMentionOrdinal: number;
  /**
   * Of the newest entry of `cursors.advanced` that was merged in, 0 without one. Those commits have no version that
   * tells a second delivery: one from before the conversation's newest applied commit could undo what came after it
   * (a cursor that was lowered, a member who came back), so it is void.
   */
  cursorSequence: number;
  departure: Departure | null;
}

export type MemberChange = MemberPut | MemberPatch;

/** One line of the memberships' history. */
export interface MembershipChange {
  userId: string;
  version: number;
  sequence: number;
  at: string;
  /** Null = not a member from here on. */
  role: string | null;
  /** Null for a member whom the table knows. */
  joinedAt: string | null;
}
