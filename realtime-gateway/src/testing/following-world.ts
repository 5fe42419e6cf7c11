import { decodeCommit, isKnown, type RecordedEvent, type ServerFrame } from '@parley/contracts';
import { type CommitRecord, MemoryEventLog } from '@parley/runtime';
import type fc from 'fast-check';
import { Feed } from '../feed.ts';
import { FlushRound } from '../flush-round.ts';
import { ConversationFollower } from '../follow-conversation.ts';
import { Hub } from '../hub.ts';
import type { AskedAccess, StoredAccess } from '../read-access.ts';
import type { StoredGoneTexts } from '../read-gone-texts.ts';
import type { StoredMembership } from '../read-membership.ts';
import { Resumer } from '../resume-feed.ts';
import { AccessFold, NOTHING_KNOWN } from '../session/access.ts';
import { readCommit } from '../session/commit.ts';
import { MembershipFold } from '../session/membership.ts';
import { conversation, TestWriter } from './commits.ts';
import { FollowingClient } from './following-client.ts';
import { racing } from './racing-log.ts';
import { ReadingClient } from './reading-client.ts';

export const ALICE = 'alice';
/** The one that is followed. */
export const ROOM = conversation(1);
export const SEGMENT = 'eu';

export interface Circumstances {
  ringCommits: number;
  /** Commits by which all of the read model is behind the log, its slowest lane by so many more… */
  behind: number;
  lag: number;
  /** …and whether the room's lane is the slowest. */
  roomLags: boolean;
  pageBytes: number;
  feed: 'all' | 'none';
}

/** Told from the events alone: what the room is to Alice. */
export interface Standing {
  type: string | null;
  /** First version and ordinal before it of her membership. */
  member: { version: number; ordinal: number } | null;
  banned: boolean;
  deleted: boolean;
  history: string | null;
}

function standingAfter(events: readonly RecordedEvent[]): Standing {
  const standing: Standing = { type: null, member: null, banned: false, deleted: false, history: null };
  for (const event of events) {
    if (!isKnown(event)) continue;
    const { version = 0 } = event;
    if (event.type === 'conversation.created') {
      Object.assign(standing, { type: event.data.type, history: event.data.settings.historyVisibility });
    }
    if (event.type === 'conversation.updated') {
      standing.history = event.data.settings?.historyVisibility ?? standing.history;
    }
    if (event.type === 'members.added' && event.data.members.some(({ userId }) => userId === ALICE)) {
      standing.member ??= { version, ordinal: event.data.ordinal };
    }
    if (event.type === 'members.removed' && event.data.userIds.includes(ALICE)) standing.member = null;
    if (event.type === 'member.left') standing.member = null;
    if (event.type === 'member.banned') Object.assign(standing, { member: null, banned: true });
    if (event.type === 'member.unbanned') standing.banned = false;
    if (event.type === 'conversation.deleted') standing.deleted = true;
  }
  return standing;
}

export function mayFollow(standing: Standing, segments: readonly string[]): boolean {
  if (standing.type === null || standing.deleted || standing.banned) return false;
  if (standing.member) return true;
  return standing.type === 'broadcast' ? segments.includes(SEGMENT) : standing.history === 'shared';
}

/** One gateway process. */
class Gateway {
  readonly hub: Hub;
  readonly resumer: Resumer;
  readonly follower: ConversationFollower;
  readonly round = new FlushRound();
  #accepted = 0;
  #answers = 0;

  constructor(world: FollowingWorld, scheduler: fc.Scheduler, options: Circumstances) {
    this.hub = new Hub(
      0,
      { maxBytes: 1e9, maxCommits: options.ringCommits },
      {
        gap: (missing) => world.faults.push(`gap of ${missing}`),
        unreadable: (_, error) => world.faults.push(error),
        unknownRules: () => undefined,
      },
    );
    const { pageBytes } = options;
    const answer = async <T>(label: string, work: () => T): Promise<T> => {
      await scheduler.schedule(Promise.resolve(), label);
      this.#pumpSoon(world.records);
      return work();
    };
    const shared = {
      hub: this.hub,
      log: racing(world.log, scheduler),
      goneTexts: () => answer('texts', () => world.goneTexts()),
      pageBytes,
    };
    this.resumer = new Resumer({
      ...shared,
      memberships: (_, since) => answer('memberships', () => world.memberships(since)),
      observer: { replayed: () => undefined, reset: () => undefined },
      slots: 2,
    });
    this.follower = new ConversationFollower({
      ...shared,
      access: (asked) => answer('access', () => world.access(asked)),
      line: this.resumer.line,
    });
  }

  /** What is to be one tick must be one: a commit comes in few or many microtasks after an answer, or none does. */
  #pumpSoon(records: readonly CommitRecord[]): void {
    const depth = ++this.#answers % 12;
    const sink = (left: number): void => {
      if (left === 0) this.pump(records);
      else queueMicrotask(() => sink(left - 1));
    };
    if (depth > 0) sink(depth);
  }

  /** The process's subscription hands over what it has. */
  pump(records: readonly CommitRecord[]): void {
    this.hub.accept(records.slice(this.#accepted));
    this.#accepted = records.length;
    this.round.flush();
  }
}

/** Two gateways on one log, and one socket of Alice's. */
export class FollowingWorld {
  readonly log = new MemoryEventLog();
  readonly writer = new TestWriter(this.log);
  readonly records: CommitRecord[] = [];
  readonly faults: unknown[] = [];
  readonly client = new FollowingClient(ROOM);
  readonly reading = new ReadingClient();
  segments: string[] = [SEGMENT];
  messages = 0;
  readonly #gateways: Gateway[];
  readonly #scheduler: fc.Scheduler;
  readonly #options: Circumstances;
  #at: Gateway;
  #feed: Feed | null = null;
  /** What the log held when the newest `sub` was sent. */
  #askedAt = 0;

  constructor(scheduler: fc.Scheduler, options: Circumstances) {
    this.#scheduler = scheduler;
    this.#options = options;
    const gateway = new Gateway(this, scheduler, options);
    this.#at = gateway;
    this.#gateways = [gateway, new Gateway(this, scheduler, options)];
  }

  /** The room's events up to a sequence. */
  events(upTo = this.records.length): RecordedEvent[] {
    return this.records
      .slice(0, upTo)
      .filter(({ subject }) => subject.endsWith(ROOM))
      .flatMap(({ payload }) => decodeCommit(payload));
  }

  get standing(): Standing {
    return standingAfter(this.events());
  }

  get #lanes(): { asOf: number; newest: number; room: number; epoch: string } {
    const newest = Math.max(0, this.records.length - this.#options.behind);
    const asOf = Math.max(0, newest - this.#options.lag);
    return { asOf, newest, room: this.#options.roomLags ? asOf : newest, epoch: this.log.epoch };
  }

  access({ from }: AskedAccess): StoredAccess {
    const { room, ...reflected } = this.#lanes;
    const fold = new AccessFold(ROOM, ALICE, NOTHING_KNOWN);
    let begin = 0;
    for (const record of this.records.slice(0, room)) {
      const commit = readCommit(record);
      fold.apply(commit);
      const isBefore = commit.kind === 'conversation' && commit.conversationId === ROOM;
      if (isBefore && commit.lastVersion <= (from ?? 0)) begin = commit.sequence;
    }
    return { ...reflected, snapshot: fold.snapshot, begin };
  }

  memberships(since: number): StoredMembership {
    const { room, ...reflected } = this.#lanes;
    const fold = new MembershipFold(ALICE, since, { memberships: [], departures: [] });
    for (const record of this.records.slice(0, room)) fold.apply(readCommit(record));
    const version = this.events(room).at(-1)?.version ?? 0;
    const memberships = [...fold.memberships()].map((row) => ({ ...row, version }));
    return { ...reflected, memberships, departures: fold.departures() };
  }

  goneTexts(): StoredGoneTexts {
    const { asOf } = this.#lanes;
    return { asOf, texts: removals(this.records.slice(0, asOf)) };
  }

  async write(work: (writer: TestWriter) => Promise<number>): Promise<void> {
    const record = await this.log.at(await work(this.writer));
    if (record) this.records.push(record);
  }

  pump(index: number): void {
    this.#gateways[index]?.pump(this.records);
  }

  connect(index: number): void {
    this.cut();
    this.#at = this.#gateways[index] ?? this.#at;
    const { round, resumer } = this.#at;
    const wire = {
      bufferedBytes: 0,
      send: (bytes: Uint8Array, written?: () => void) => {
        const frame = JSON.parse(new TextDecoder().decode(bytes)) as ServerFrame;
        this.#check(frame);
        this.reading.read(frame);
        this.client.read(frame);
        // Whatever the gateway does in one tick with a frame must not depend on the tick being followed by quiet.
        queueMicrotask(() => this.pump(index));
        if (written) void this.#scheduler.schedule(Promise.resolve(), 'written').then(written);
      },
    };
    const observer = { overflowed: () => this.faults.push('overflow') };
    this.#feed = new Feed(wire, { epoch: this.log.epoch, round, observer });
    // Without a feed there is no position to go on from: the versions are.
    if (this.#options.feed === 'none') this.reading.position = null;
    const since = this.reading.position;
    const request = { connection: 'c', userId: ALICE, expiresAt: 0, since, feed: this.#options.feed };
    resumer.resume(this.#feed, request).catch((error) => this.faults.push(error));
  }

  /** What was not flushed is lost with the connection, as it would be in the network. */
  cut(): void {
    this.#feed?.close();
    this.#feed = null;
    this.reading.live = false;
    this.client.drop();
  }

  get isFollowing(): boolean {
    return this.reading.live && this.client.sub?.live === true;
  }

  follow(): void {
    const feed = this.#feed;
    if (!feed || !this.reading.live) return;
    this.client.drop();
    this.#askedAt = this.records.length;
    const { segments } = this;
    const request = { userId: ALICE, segments, feed: this.#options.feed, id: 1, conversation: ROOM };
    this.#at.follower
      .open(feed, { ...request, from: this.client.last })
      .catch((error) => this.faults.push(error));
  }

  unfollow(): void {
    if (this.#feed) this.#at.follower.close(this.#feed, ROOM);
    this.client.drop();
  }

  renew(segments: string[]): void {
    if (this.#feed) this.#at.follower.segmentsChanged(this.#feed, segments);
    this.segments = segments;
  }

  /** Whatever is sent of the room must be Alice's to see at this moment. */
  #check(frame: ServerFrame): void {
    const { tail } = this.#at.hub;
    const now = standingAfter(this.events(tail));
    if (frame.t === 'commits') {
      for (const { seq, events } of frame.items) {
        const before = standingAfter(this.events(seq - 1));
        const mine = events.filter((event) => event.subject.endsWith(ROOM));
        for (const event of mine)
          if (!this.#wasVisible(before, event)) this.faults.push(['invisible', event]);
      }
    }
    if (frame.t === 'error') {
      const isRefused = !mayFollow(now, this.segments) && tail >= this.#askedAt;
      if (!isRefused) this.faults.push(['refused too soon', frame]);
    }
    if (frame.t !== 'sub-ok' && frame.t !== 'sub-commits' && frame.t !== 'sub-live') return;
    if (!mayFollow(now, this.segments)) this.faults.push([frame.t, 'is not theirs to see']);
    if (frame.t !== 'sub-commits') return;
    for (const { events } of frame.items) {
      for (const event of events) {
        const isOld = now.member && now.history !== 'shared' && (event.version ?? 0) < now.member.version;
        if (isOld || this.#isGone(event, tail)) this.faults.push(['must not be shown', event]);
      }
    }
  }

  /** By the one commit that ends it, too. */
  #wasVisible(before: Standing, event: RecordedEvent): boolean {
    const { version = 0 } = event;
    const all = this.events();
    const at = (upTo: number) => mayFollow(standingAfter(all.slice(0, upTo)), this.segments);
    return mayFollow(before, this.segments) || at(version - 1) || at(version);
  }

  #isGone({ type, data }: RecordedEvent, tail: number): boolean {
    const { ordinal = 0, body } = data as { ordinal?: number; body?: string };
    const isDeleted = removals(this.records.slice(0, tail)).some(({ deleted }) => deleted.includes(ordinal));
    return type === 'message.sent' && body !== undefined && isDeleted;
  }

  async #quiet(): Promise<void> {
    for (let round = 0; round < 3; round++) {
      await this.#scheduler.waitIdle();
      for (const gateway of this.#gateways) gateway.pump(this.records);
    }
    await this.#scheduler.waitIdle();
  }

  /** Until nothing happens any more; a client that is cut off comes back. */
  async settle(): Promise<void> {
    await this.#quiet();
    if (!this.reading.live) this.connect(1);
    await this.#quiet();
    if (!this.isFollowing) this.follow();
    await this.#quiet();
  }
}

/** What commits take away, told from the log. */
function removals(records: readonly CommitRecord[]): StoredGoneTexts['texts'] {
  return records.flatMap((record) => {
    const commit = readCommit(record);
    if (commit.kind !== 'conversation' || !commit.removed) return [];
    return [{ conversationId: commit.conversationId, ...commit.removed }];
  });
}
