import { CommitList } from './commit-list.ts';
import { type Commit, weigh } from './session/commit.ts';
import { GoneTexts } from './session/gone-texts.ts';

export interface RingLimits {
  maxBytes: number;
  maxCommits: number;
}

/**
 * The newest commits, in log order, each decoded and encoded once. Holds everything after `coveredAfter` up to `tail`;
 * the oldest go when it is over a limit.
 */
export class Ring {
  /** What its commits deleted or let expire: every one of those texts that is in the ring was there before. */
  readonly gone = new GoneTexts();
  readonly #limits: RingLimits;
  readonly #all = new CommitList();
  /** By conversation, or user whose own facts they are. */
  readonly #byTopic = new Map<string, CommitList>();
  /** Read cursors, which are of many conversations each. */
  readonly #reads = new CommitList();
  /** Those that may change what users are in a conversation. */
  readonly #changes = new CommitList();
  #bytes = 0;
  #tail: number;
  #coveredAfter: number;

  constructor(after: number, limits: RingLimits) {
    this.#tail = after;
    this.#coveredAfter = after;
    this.#limits = limits;
  }

  /** Sequence of the newest commit it was given. */
  get tail(): number {
    return this.#tail;
  }

  get coveredAfter(): number {
    return this.#coveredAfter;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether every commit after a sequence is here. */
  covers(after: number): boolean {
    return after >= this.#coveredAfter;
  }

  push(commit: Commit): void {
    for (const list of this.#listsOf(commit)) list.push(commit);
    this.#bytes += weigh(commit);
    this.#tail = commit.sequence;
    if (commit.kind === 'conversation' && commit.removed)
      this.gone.add(commit.conversationId, commit.removed);
    while (this.#bytes > this.#limits.maxBytes || this.#all.size > this.#limits.maxCommits)
      this.#dropOldest();
  }

  #dropOldest(): void {
    const oldest = this.#all.first;
    if (!oldest) return;
    // It is the oldest of each list that it is in.
    for (const list of this.#listsOf(oldest)) list.dropFirst();
    const topic = topicOf(oldest);
    if (topic !== null && this.#byTopic.get(topic)?.size === 0) this.#byTopic.delete(topic);
    this.#bytes -= weigh(oldest);
    this.#coveredAfter = oldest.sequence;
    if (oldest.kind === 'conversation' && oldest.removed) {
      this.gone.forget(oldest.conversationId, oldest.removed);
    }
  }

  #listsOf(commit: Commit): CommitList[] {
    const lists = [this.#all];
    const topic = topicOf(commit);
    if (topic !== null) lists.push(this.#listOf(topic));
    if (commit.kind === 'reads') lists.push(this.#reads);
    if (commit.kind === 'conversation' && !commit.plain) lists.push(this.#changes);
    return lists;
  }

  #listOf(topic: string): CommitList {
    const known = this.#byTopic.get(topic);
    if (known) return known;
    const list = new CommitList();
    this.#byTopic.set(topic, list);
    return list;
  }

  /** The commits after a sequence that the ring covers. */
  after(sequence: number): Commit[] {
    return this.#all.after(sequence);
  }

  /** Of those after a sequence, the ones that may change what users are in a conversation. */
  changesAfter(sequence: number): Commit[] {
    return this.#changes.after(sequence);
  }

  /**
   * Of those after a sequence, in log order, the ones of these conversations, a user's own, by the token, and all read
   * cursors. Replays in a storm looked at twenty commits of others for each of their own: a sixth of the gateway's CPU.
   */
  concerning(conversationIds: Iterable<string>, token: string | null, sequence: number): Commit[] {
    const parts = [this.#reads.after(sequence)];
    if (token !== null) parts.push(this.#byTopic.get(userTopic(token))?.after(sequence) ?? []);
    for (const id of conversationIds) parts.push(this.#byTopic.get(id)?.after(sequence) ?? []);
    const some = parts.filter(({ length }) => length > 0);
    const [only] = some;
    if (only && some.length === 1) return only;
    return some.flat().sort((one, other) => one.sequence - other.sequence);
  }
}

function topicOf(commit: Commit): string | null {
  if (commit.kind === 'conversation') return commit.conversationId;
  return commit.kind === 'user' ? userTopic(commit.token) : null;
}

/** A user may have a conversation's id as their own. */
function userTopic(token: string): string {
  return `user ${token}`;
}
