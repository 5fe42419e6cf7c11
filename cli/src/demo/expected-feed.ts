import type { RecordedEvent } from '@parley/contracts';
import { isConversationEvent, isKnown, type LogEvent, MAX_MEMBERS_WITH_RECEIPTS } from '@parley/contracts';
import { membershipIn } from './membership.ts';
import type { FoldedConversation } from './naive-fold.ts';
import type { Received } from './received.ts';
import { cursorPrint, printsOf } from './shown.ts';

interface Expected {
  print: number;
  /** Must be there; otherwise it may be. */
  required: boolean;
}

export interface FeedFindings {
  received: number;
  required: number;
  missing: number;
  /** Shown twice, in the wrong order, or to somebody who may not see it. */
  misplaced: number;
}

/**
 * Walks the log once more and compares what one socket was sent with what its user was to see. Required: every event of
 * every conversation the user is a member of at the end, from the one that made them one. Allowed besides: what
 * they saw in a membership that has ended, for a resume shows only what the user may see now; and receipts in a
 * conversation that has grown past the size up to which they are shared.
 */
export class ExpectedFeed {
  readonly userId: string;
  readonly findings: FeedFindings;
  readonly #received: Received;
  readonly #startedAfter: number;
  readonly #final: ReadonlyMap<string, FoldedConversation>;
  /** Conversation → sequence of the commit by which the final membership began. */
  readonly #lastJoined = new Map<string, number>();
  readonly #member = new Set<string>();
  #cursor = 0;

  /** `final`: the conversations at the end of the log. */
  constructor(options: {
    userId: string;
    received: Received;
    startedAfter: number;
    final: ReadonlyMap<string, FoldedConversation>;
  }) {
    this.userId = options.userId;
    this.#received = options.received;
    this.#startedAfter = options.startedAfter;
    this.#final = options.final;
    this.findings = { received: options.received.count, required: 0, missing: 0, misplaced: 0 };
  }

  /** First walk: where the membership that last began did so. */
  noteJoin(conversationId: string, sequence: number): void {
    this.#lastJoined.set(conversationId, sequence);
  }

  /** Second walk: the commits of the conversations ever joined, in log order. */
  compare(sequence: number, events: readonly RecordedEvent[]): void {
    const expected = events.flatMap((event) => this.#visible(sequence, event));
    if (sequence > this.#startedAfter) this.#match(sequence, expected);
  }

  /** What is left over after the last commit is something the log does not hold. */
  end(): FeedFindings {
    this.findings.misplaced += this.#received.count - this.#cursor;
    return this.findings;
  }

  #visible(sequence: number, event: RecordedEvent): Expected[] {
    if (!isKnown(event)) return [];
    if (event.type === 'cursors.advanced') return this.#receipts(sequence, event);
    if (!isConversationEvent(event)) return [];
    const { conversationId, joined, left } = membershipIn(event);
    if (joined.includes(this.userId)) this.#member.add(conversationId);
    const member = this.#member.has(conversationId);
    if (left.includes(this.userId)) this.#member.delete(conversationId);
    const required = this.#lasts(conversationId, sequence);
    return member ? printsOf(event).map((print) => ({ print, required })) : [];
  }

  #receipts(sequence: number, event: Extract<LogEvent, { type: 'cursors.advanced' }>): Expected[] {
    return event.data.entries.flatMap(({ conversationId, userId, readOrdinal = 0 }) => {
      const conversation = this.#final.get(conversationId);
      if (!conversation || !this.#member.has(conversationId)) return [];
      const shared = conversation.mostMembers <= MAX_MEMBERS_WITH_RECEIPTS;
      const required = (shared || userId === this.userId) && this.#lasts(conversationId, sequence);
      return [{ print: cursorPrint(event.id, conversationId, userId, readOrdinal), required }];
    });
  }

  /** Whether the user is a member now, by a membership that had begun here. */
  #lasts(conversationId: string, sequence: number): boolean {
    const isMember = this.#final.get(conversationId)?.readers.has(this.userId) ?? false;
    return isMember && (this.#lastJoined.get(conversationId) ?? Number.POSITIVE_INFINITY) <= sequence;
  }

  #match(sequence: number, expected: readonly Expected[]): void {
    // Something before this commit that was not taken yet is not where it belongs.
    while (this.#received.sequenceAt(this.#cursor) < sequence) this.#misplaced();
    for (const { print, required } of expected) {
      const here =
        this.#received.sequenceAt(this.#cursor) === sequence &&
        this.#received.printAt(this.#cursor) === print;
      if (here) this.#cursor++;
      if (required) this.findings.required++;
      if (required && !here) this.findings.missing++;
    }
    while (this.#received.sequenceAt(this.#cursor) === sequence) this.#misplaced();
  }

  #misplaced(): void {
    this.findings.misplaced++;
    this.#cursor++;
  }
}
