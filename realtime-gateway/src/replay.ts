import {
  conversationSubject,
  type ResetReason,
  readsSubject,
  SOCKET_LIMITS,
  userSubject,
} from '@parley/contracts';
import type { CommitRecord, EventLog } from '@parley/runtime';
import type { Feed } from './feed.ts';
import type { Hub } from './hub.ts';
import { type AskedTexts, askedTexts, type StoredGoneTexts } from './read-gone-texts.ts';
import { readRange } from './read-log.ts';
import type { User } from './session/audience.ts';
import { type Commit, readCommitOrHide } from './session/commit.ts';
import type { ConversationCommit } from './session/conversation-commit.ts';
import { GoneTexts } from './session/gone-texts.ts';
import type { Item } from './session/item.ts';

/** Commits looked at, visible or not, before a replay is called too far. */
const MAX_SCANNED = 200_000;

export type ReplayEnd = { kind: 'live' } | { kind: 'reset'; reason: ResetReason } | { kind: 'closed' };

/**
 * Sends what a user may see of (from, end of the log] and joins the feed to the live flow.
 *
 * The log is read until the ring covers what is left; the last part is taken from the ring and the feed made live in
 * the same tick. The hub takes a commit in one tick as well, so there is neither a hole nor a double between the two,
 * without a buffer per socket.
 */
export class Replay {
  readonly #hub: Hub;
  readonly #log: EventLog;
  readonly #feed: Feed;
  readonly #user: User<Feed>;
  /** A page goes to the socket and is taken by it before the next one is made. */
  readonly #pageBytes: number;
  /** Where the log ended when the replay began: what comes later does not count as history. */
  readonly #historyEnd: number;
  readonly #seen = new Map<string, { joined: number; version: number }>();
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
    feed: Feed;
    user: User<Feed>;
    from: number;
    pageBytes: number;
    goneTexts: (asked: AskedTexts) => Promise<StoredGoneTexts>;
  }) {
    this.#hub = options.hub;
    this.#log = options.log;
    this.#feed = options.feed;
    this.#user = options.user;
    this.#pageBytes = options.pageBytes;
    this.#goneTexts = options.goneTexts;
    this.#cursor = options.from;
    this.#historyEnd = options.hub.tail;
  }

  async run(): Promise<ReplayEnd> {
    if (this.#tooMuchInRing()) return { kind: 'reset', reason: 'too-far' };
    while (!this.#feed.closed && !this.#fault) {
      if (!this.#hub.ring.covers(this.#cursor)) {
        await this.#replayFromLog();
        continue;
      }
      const items = this.#takeFromRing();
      if (this.#fault) break;
      const taken = this.#feed.replay(items, this.#cursor);
      if (this.#cursor === this.#hub.tail) {
        this.#feed.goLive(this.#cursor);
        return { kind: 'live' };
      }
      await taken;
    }
    return this.#fault ? { kind: 'reset', reason: this.#fault } : { kind: 'closed' };
  }

  /** Saves sending five thousand commits to somebody who is then told to start over. */
  #tooMuchInRing(): boolean {
    const { ring } = this.#hub;
    if (!ring.covers(this.#cursor)) return false;
    let visible = 0;
    for (const commit of ring.after(this.#cursor)) {
      if (commit.kind === 'conversation' && this.#user.memberships.has(commit.conversationId)) visible++;
    }
    return visible > SOCKET_LIMITS.replayEvents;
  }

  #takeFromRing(): Item[] {
    const items: Item[] = [];
    let bytes = 0;
    for (const commit of this.#hub.ring.after(this.#cursor)) {
      const item = this.#visible(commit);
      if (this.#fault) return [];
      this.#cursor = commit.sequence;
      if (item) items.push(item);
      bytes += item?.bytes.length ?? 0;
      if (bytes >= this.#pageBytes) break;
    }
    return items;
  }

  async #replayFromLog(): Promise<void> {
    const range = { after: this.#cursor, until: this.#hub.ring.coveredAfter };
    const subjects = this.#subjects();
    for await (const records of readRange(this.#log, range, [...subjects])) {
      this.#scanned += records.length;
      if (!(await this.#sendPages(records, subjects))) return;
      if (this.#scanned > MAX_SCANNED) this.#fault = 'too-far';
      if (this.#fault || this.#feed.closed || this.#hub.ring.covers(this.#cursor)) return;
    }
    this.#cursor = range.until;
  }

  /**
   * Sends what is visible of some records, never more at once than a slow link takes. Those of other people's subjects
   * are passed over undecoded: a range that is read through is mostly theirs. Resolves to whether to go on.
   */
  async #sendPages(records: readonly CommitRecord[], subjects: ReadonlySet<string>): Promise<boolean> {
    let page: Commit[] = [];
    let bytes = 0;
    for (const [index, record] of records.entries()) {
      if (subjects.has(record.subject)) {
        page.push(readCommitOrHide(record));
        bytes += record.payload.length;
      }
      if (bytes < this.#pageBytes && index < records.length - 1) continue;
      if (!(await this.#sendPage(page, record.sequence))) return false;
      page = [];
      bytes = 0;
    }
    return true;
  }

  async #sendPage(page: readonly Commit[], until: number): Promise<boolean> {
    const asked = askedTexts(page);
    if (asked.ordinals.length > 0) {
      await this.#askGone(asked);
      // Nothing may be awaited between this and the page's way out: what is taken away meanwhile is in the ring.
      while (!this.#hub.ring.covers(this.#goneUpTo) && !this.#feed.closed) await this.#readGone();
    }
    if (this.#feed.closed) return false;
    const items = page.flatMap((commit) => this.#visible(commit) ?? []);
    if (this.#fault) return false;
    this.#cursor = until;
    await this.#feed.replay(items, until);
    return !this.#feed.closed;
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
    const subjects = this.#subjects();
    for await (const records of readRange(this.#log, range, [...subjects])) {
      for (const record of records) {
        const commit = subjects.has(record.subject) ? readCommitOrHide(record) : null;
        if (commit?.kind === 'conversation' && commit.removed) {
          this.#gone.add(commit.conversationId, commit.removed);
        }
      }
    }
    this.#goneUpTo = range.until;
  }

  #subjects(): Set<string> {
    const conversationIds = [...this.#user.memberships.keys()];
    return new Set([
      userSubject(this.#user.id),
      ...conversationIds.map(conversationSubject),
      ...conversationIds.map(readsSubject),
    ]);
  }

  #visible(commit: Commit): Item | null {
    if (commit.kind === 'conversation' && !this.#continues(commit)) this.#fault = 'continuity';
    const item = this.#hub.audience.replayed(this.#user, commit, [this.#hub.ring.gone, this.#gone]);
    if (item && commit.sequence <= this.#historyEnd && ++this.#sent > SOCKET_LIMITS.replayEvents) {
      this.#fault = 'too-far';
    }
    return item;
  }

  /**
   * Whether the commit is the conversation's next one: a replica that lags may leave out the newest of a subject. One
   * who leaves and comes back meanwhile starts anew.
   */
  #continues({ conversationId, sequence, firstVersion, lastVersion }: ConversationCommit): boolean {
    const joined = this.#user.memberships.get(conversationId)?.joinedSequence;
    if (joined === undefined || joined > sequence) return true;
    const last = this.#seen.get(conversationId);
    this.#seen.set(conversationId, { joined, version: lastVersion });
    return last === undefined || last.joined !== joined || firstVersion === last.version + 1;
  }
}
