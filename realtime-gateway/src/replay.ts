import { type ResetReason, SOCKET_LIMITS } from '@parley/contracts';
import { type CommitRecord, ContinuityLost, type EventLog, type LogRange } from '@parley/runtime';
import type { Hub } from './hub.ts';
import { type AskedTexts, askedTexts, type StoredGoneTexts } from './read-gone-texts.ts';
import type { Ring } from './ring.ts';
import { type Commit, readCommitOrHide, weigh } from './session/commit.ts';
import type { ConversationCommit } from './session/conversation-commit.ts';
import { GoneTexts } from './session/gone-texts.ts';
import type { Item } from './session/item.ts';
import type { Turn } from './waiting-line.ts';

/** Commits looked at, visible or not, before a replay is called too far. */
const MAX_SCANNED = 200_000;
/** Held in memory while the first of them is on its way. */
const PAGES_PER_PART = 4;

/** What is replayed, and to whom: it says what there is to see, and carries it there. */
export interface History {
  /** Nobody is there any more, or may see any more of it. */
  readonly closed: boolean;
  /** Where its commits are. */
  subjects(): readonly string[];
  /** The commits that a ring holds after a sequence, without most of those in which there is nothing to see. */
  within(ring: Ring, after: number): readonly Commit[];
  /** The commits of a range that may be on these subjects, and maybe others, in log order. */
  read(log: EventLog, range: LogRange): AsyncIterable<CommitRecord[]>;
  /** Whether a commit after where the replay starts is likely to be shown. */
  mayShow(commit: ConversationCommit): boolean;
  /** Whether nothing is missing before the commit; asked in turn of each that may be shown. */
  continues(commit: ConversationCommit): boolean;
  /** What is visible of a commit now, of a conversation's only when it may be shown. `gone`: every source that may know of a text that is gone. */
  show(commit: Commit, gone: readonly GoneTexts[]): Item | null;
  /** A page: everything visible up to `position`. Resolves when the client's side has taken it. */
  send(items: readonly Item[], position: number): Promise<void>;
  /** Whether nothing is missing at the end. */
  isWhole(): boolean;
  /** The end of the log as this process knows it is reached: commits flow from here. */
  goLive(position: number): void;
}

export type ReplayEnd = { kind: 'live' } | { kind: 'reset'; reason: ResetReason } | { kind: 'closed' };

/**
 * Sends what may be seen of (from, end of the log] and joins it to the live flow.
 *
 * The log is read until the ring covers what is left; the last part is taken from the ring and the history made live
 * in the same tick. The hub takes a commit in one tick as well, so there is neither a hole nor a double between the two,
 * without a buffer per socket.
 */
export class Replay {
  readonly #hub: Hub;
  readonly #log: EventLog;
  readonly #history: History;
  /** Others read while the socket takes a page. */
  readonly #turn: Turn;
  /** A page goes to the socket and is taken by it before the next one is made. */
  readonly #pageBytes: number;
  /** Where the log ended when the replay began: what comes later does not count as history. */
  readonly #historyEnd: number;
  /** Texts that the log before the ring, or the read model, says are gone. */
  readonly #gone = new GoneTexts();
  /** What was taken away up to here is in `#gone`, or comes with the next page's question. */
  #goneUpTo = 0;
  readonly #goneTexts: (asked: AskedTexts) => Promise<StoredGoneTexts>;
  #cursor: number;
  #sent = 0;
  #scanned = 0;
  #fault: ResetReason | null = null;

  constructor(options: {
    hub: Hub;
    log: EventLog;
    history: History;
    turn: Turn;
    from: number;
    pageBytes: number;
    goneTexts: (asked: AskedTexts) => Promise<StoredGoneTexts>;
  }) {
    this.#hub = options.hub;
    this.#log = options.log;
    this.#history = options.history;
    this.#turn = options.turn;
    this.#pageBytes = options.pageBytes;
    this.#goneTexts = options.goneTexts;
    this.#cursor = options.from;
    this.#historyEnd = options.hub.tail;
  }

  async run(): Promise<ReplayEnd> {
    try {
      return await this.#replay();
    } catch (error) {
      // What retention has left is not all there was; to try again would not help.
      if (error instanceof ContinuityLost && error.reason === 'retention') {
        return { kind: 'reset', reason: 'retention' };
      }
      throw error;
    }
  }

  async #replay(): Promise<ReplayEnd> {
    if (this.#tooMuchInRing()) return { kind: 'reset', reason: 'too-far' };
    while (!this.#history.closed && !this.#fault) {
      if (!this.#hub.ring.covers(this.#cursor)) {
        await this.#replayFromLog();
        continue;
      }
      const items = this.#takeFromRing();
      if (this.#fault) break;
      const taken = this.#history.send(items, this.#cursor);
      if (this.#cursor === this.#hub.tail) {
        if (!this.#history.isWhole()) return { kind: 'reset', reason: 'continuity' };
        this.#history.goLive(this.#cursor);
        return { kind: 'live' };
      }
      await this.#turn.pause(taken);
    }
    return this.#fault ? { kind: 'reset', reason: this.#fault } : { kind: 'closed' };
  }

  /** Saves sending five thousand commits to somebody who is then told to start over. */
  #tooMuchInRing(): boolean {
    const { ring, tail } = this.#hub;
    if (!ring.covers(this.#cursor) || tail - this.#cursor <= SOCKET_LIMITS.replayEvents) return false;
    let visible = 0;
    for (const commit of this.#history.within(ring, this.#cursor)) {
      if (commit.kind === 'conversation' && this.#history.mayShow(commit)) visible++;
    }
    return visible > SOCKET_LIMITS.replayEvents;
  }

  #takeFromRing(): Item[] {
    const items: Item[] = [];
    let bytes = 0;
    const { ring, tail } = this.#hub;
    for (const commit of this.#history.within(ring, this.#cursor)) {
      const item = this.#visible(commit);
      if (this.#fault) return [];
      this.#cursor = commit.sequence;
      if (item) items.push(item);
      bytes += item?.bytes.length ?? 0;
      if (bytes >= this.#pageBytes) return items;
    }
    this.#cursor = tail;
    return items;
  }

  async #replayFromLog(): Promise<void> {
    const part = await this.#readPart({ after: this.#cursor, until: this.#hub.ring.coveredAfter });
    if (this.#fault) return;
    let page: Commit[] = [];
    let bytes = 0;
    for (const [index, commit] of part.commits.entries()) {
      page.push(commit);
      bytes += weigh(commit);
      if (bytes < this.#pageBytes && index < part.commits.length - 1) continue;
      if (!(await this.#sendPage(page, commit.sequence))) return;
      page = [];
      bytes = 0;
    }
    this.#cursor = part.until;
  }

  /**
   * Some pages' worth of a range, and where it ends. The reading ends before a page is sent: it reads far ahead, and every
   * client that takes a page slowly would keep one (measured: 25 MB each). Commits of other people's subjects are passed
   * over undecoded: a range that is read through is mostly theirs.
   */
  async #readPart(range: LogRange): Promise<{ commits: Commit[]; until: number }> {
    const subjects = new Set(this.#history.subjects());
    const commits: Commit[] = [];
    let bytes = 0;
    for await (const records of this.#history.read(this.#log, range)) {
      this.#scanned += records.length;
      if (this.#scanned > MAX_SCANNED) this.#fault = 'too-far';
      for (const record of records) {
        if (!subjects.has(record.subject)) continue;
        commits.push(readCommitOrHide(record));
        bytes += record.payload.length;
        if (bytes >= PAGES_PER_PART * this.#pageBytes) {
          await this.#refuseRemoved(range);
          return { commits, until: record.sequence };
        }
      }
      if (this.#fault || this.#history.closed) break;
    }
    await this.#refuseRemoved(range);
    return { commits, until: range.until };
  }

  /** A single subject read from before the log's beginning looks whole. Asked after the reading: retention may just have begun. */
  async #refuseRemoved({ after }: LogRange): Promise<void> {
    const { first } = await this.#log.bounds();
    if (after + 1 < first) throw new ContinuityLost('retention', `the log begins at ${first}`);
  }

  async #sendPage(page: readonly Commit[], until: number): Promise<boolean> {
    const asked = askedTexts(page);
    if (asked.ordinals.length > 0) {
      await this.#askGone(asked);
      // Nothing may be awaited between this and the page's way out: what is taken away meanwhile is in the ring.
      while (!this.#hub.ring.covers(this.#goneUpTo) && !this.#history.closed) await this.#readGone();
    }
    if (this.#history.closed) return false;
    const items = page.flatMap((commit) => this.#visible(commit) ?? []);
    if (this.#fault) return false;
    this.#cursor = until;
    await this.#turn.pause(this.#history.send(items, until));
    return !this.#history.closed;
  }

  /** What is in the log was true once: the read model says which of it has been deleted or has expired since. */
  async #askGone(asked: AskedTexts): Promise<void> {
    const { asOf, texts } = await this.#goneTexts(asked);
    this.#goneUpTo = Math.max(this.#goneUpTo, asOf);
    for (const { conversationId, ...removed } of texts) this.#gone.add(conversationId, removed);
  }

  /** A read model that is further behind than the ring reaches back does not know what the log says between them. */
  async #readGone(): Promise<void> {
    const range = { after: this.#goneUpTo, until: this.#hub.ring.coveredAfter };
    const subjects = new Set(this.#history.subjects());
    for await (const records of this.#history.read(this.#log, range)) {
      for (const record of records) {
        const commit = subjects.has(record.subject) ? readCommitOrHide(record) : null;
        if (commit?.kind === 'conversation' && commit.removed) {
          this.#gone.add(commit.conversationId, commit.removed);
        }
      }
    }
    this.#goneUpTo = range.until;
  }

  #visible(commit: Commit): Item | null {
    // What was read from the log may be other people's.
    if (commit.kind === 'conversation') {
      if (!this.#history.mayShow(commit)) return null;
      if (!this.#history.continues(commit)) this.#fault = 'continuity';
    }
    const item = this.#history.show(commit, [this.#hub.ring.gone, this.#gone]);
    if (item && commit.sequence <= this.#historyEnd && ++this.#sent > SOCKET_LIMITS.replayEvents) {
      this.#fault = 'too-far';
    }
    return item;
  }
}
