import type { RevokedReason } from '@parley/contracts';
import type { Membership } from './audience.ts';
import type { Commit } from './commit.ts';
import { type ConversationCommit, UNKNOWN_RULES } from './conversation-commit.ts';
import { countAfter } from './course.ts';

export interface MembershipRow extends Membership {
  /** The conversation's version that the row reflects. */
  version: number;
}

export interface Departure {
  conversationId: string;
  reason: RevokedReason;
}

/** A user's memberships as the read model has them, at different places of the log for different conversations. */
export interface MembershipSnapshot {
  memberships: readonly MembershipRow[];
  departures: readonly Departure[];
}

/**
 * Brings a user's memberships from the read model to the end of the log. Commits that a row already reflects are told
 * by their version; for conversations without a row the last change decides, so applying one twice does no harm.
 */
export class MembershipFold {
  readonly #userId: string;
  readonly #since: number;
  readonly #rows: Map<string, MembershipRow>;
  readonly #departures: Map<string, RevokedReason>;

  /** Departures up to `since` are old news to whom this is for. */
  constructor(userId: string, since: number, snapshot: MembershipSnapshot) {
    this.#userId = userId;
    this.#since = since;
    this.#rows = new Map(snapshot.memberships.map((row) => [row.conversationId, { ...row }]));
    this.#departures = new Map(snapshot.departures.map((gone) => [gone.conversationId, gone.reason]));
  }

  apply(commit: Commit): void {
    if (commit.kind !== 'conversation' || commit.plain) return;
    const row = this.#rows.get(commit.conversationId);
    if (row && commit.lastVersion <= row.version) return;
    if (row) row.version = commit.lastVersion;
    for (const change of commit.changes) this.#change(commit, change);
    const now = this.#rows.get(commit.conversationId);
    if (!now) return;
    now.rules = { ...now.rules, ...commit.rules };
    now.role = commit.roles.get(this.#userId) ?? now.role;
  }

  #change(commit: ConversationCommit, change: ConversationCommit['changes'][number]): void {
    const { kind, userIds } = change;
    const row = this.#rows.get(commit.conversationId);
    const mine = kind === 'deleted' ? row !== undefined : userIds.includes(this.#userId);
    if (row) row.memberCount = countAfter(row.memberCount, change);
    else if (mine && kind === 'joined') this.#enter(commit, change);
    if (mine && kind !== 'joined') this.#leave(commit, kind);
  }

  #enter(commit: ConversationCommit, change: ConversationCommit['changes'][number]): void {
    const { conversationId, sequence: joinedSequence, lastVersion: version } = commit;
    this.#rows.set(conversationId, {
      conversationId,
      joinedSequence,
      joinedOrdinal: change.ordinal ?? 0,
      role: commit.roles.get(this.#userId) ?? 'guest',
      version,
      memberCount: countAfter(0, change),
      rules: UNKNOWN_RULES,
    });
    this.#departures.delete(conversationId);
  }

  #leave({ conversationId, sequence }: ConversationCommit, reason: RevokedReason): void {
    this.#rows.delete(conversationId);
    if (sequence > this.#since) this.#departures.set(conversationId, reason);
  }

  memberships(): Iterable<MembershipRow> {
    return this.#rows.values();
  }

  /** Conversations the user left since the position they resume from, and is not in now. */
  departures(): Departure[] {
    return [...this.#departures].map(([conversationId, reason]) => ({ conversationId, reason }));
  }
}
