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
import { readRange } from './read-log.ts';
import type { User } from './session/audience.ts';
import { type Commit, type ConversationCommit, type Item, readCommitOrHide } from './session/commit.ts';

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
  }) {
    this.#hub = options.hub;
    this.#log = options.log;
    this.#feed = options.feed;
    this.#user = options.user;
    this.#pageBytes = options.pageBytes;
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
    for await (const records of readRange(this.#log, range, this.#subjects())) {
      this.#scanned += records.length;
      if (!(await this.#sendPages(records))) return;
      if (this.#scanned > MAX_SCANNED) this.#fault = 'too-far';
      if (this.#fault || this.#feed.closed || this.#hub.ring.covers(this.#cursor)) return;
    }
    this.#cursor = range.until;
  }

  /** Sends what is visible of some records, never more at once than a slow link takes. Resolves to whether to go on. */
  async #sendPages(records: readonly CommitRecord[]): Promise<boolean> {
    let items: Item[] = [];
    let bytes = 0;
    for (const [index, record] of records.entries()) {
      const item = this.#visible(readCommitOrHide(record));
      if (item) items.push(item);
      bytes += item?.bytes.length ?? 0;
      if (bytes < this.#pageBytes && index < records.length - 1) continue;
      if (this.#fault || this.#feed.closed) return false;
      this.#cursor = record.sequence;
      await this.#feed.replay(items, this.#cursor);
      items = [];
      bytes = 0;
    }
    return !this.#feed.closed;
  }

  #subjects(): string[] {
    const conversationIds = [...this.#user.memberships.keys()];
    return [
      userSubject(this.#user.id),
      ...conversationIds.map(conversationSubject),
      ...new Set(conversationIds.map(readsSubject)),
    ];
  }

  #visible(commit: Commit): Item | null {
    if (commit.kind === 'conversation' && !this.#continues(commit)) this.#fault = 'continuity';
    const item = this.#hub.audience.replayed(this.#user, commit);
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
    const joined = this.#user.memberships.get(conversationId);
    if (joined === undefined || joined > sequence) return true;
    const last = this.#seen.get(conversationId);
    this.#seen.set(conversationId, { joined, version: lastVersion });
    return last === undefined || last.joined !== joined || firstVersion === last.version + 1;
  }
}
