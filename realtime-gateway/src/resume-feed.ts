import { formatPosition, HEARTBEAT_MS, type Position, parsePosition, SOCKET_LIMITS } from '@parley/contracts';
import type { EventLog } from '@parley/runtime';
import { foldFromLog, reach, reachSnapshot } from './catch-up.ts';
import type { Feed } from './feed.ts';
import { FeedHistory } from './feed-history.ts';
import type { Hub } from './hub.ts';
import type { AskedTexts, StoredGoneTexts } from './read-gone-texts.ts';
import type { StoredMembership } from './read-membership.ts';
import { Replay } from './replay.ts';
import { MembershipFold } from './session/membership.ts';
import { planResume, type ResumePlan } from './session/resume.ts';
import { type Turn, WaitingLine } from './waiting-line.ts';

export interface ResumeRequest {
  connection: string;
  userId: string;
  /** Milliseconds since 1970. */
  expiresAt: number;
  since: string | null;
  feed: 'all' | 'none';
}

interface ResumeObserver {
  replayed(outcome: 'live' | 'replay' | 'reset' | 'closed'): void;
  reset(reason: string): void;
}

export interface ResumerOptions {
  hub: Hub;
  log: EventLog;
  memberships: (userId: string, since: number) => Promise<StoredMembership>;
  goneTexts: (asked: AskedTexts) => Promise<StoredGoneTexts>;
  observer: ResumeObserver;
  /** Replays at once; one per user. */
  slots: number;
  /** Bytes of a replay in flight to one socket. */
  pageBytes: number;
}

/** Takes a feed from `hello` to live: welcome, what was revoked, the replay, `live`. */
export class Resumer {
  readonly #options: ResumerOptions;
  /** Replays of single conversations wait in it as well. */
  readonly line: WaitingLine;
  /** Of those to whom nothing is replayed: they must not wait for replays. */
  readonly #arrivals: WaitingLine;

  constructor(options: ResumerOptions) {
    this.#options = options;
    this.line = new WaitingLine(options.slots);
    this.#arrivals = new WaitingLine(options.slots);
  }

  get waiting(): number {
    return this.line.waiting + this.#arrivals.waiting;
  }

  /** Resolves when the feed is live or closed. Rejects when the log or the read model cannot answer. */
  resume(feed: Feed, request: ResumeRequest): Promise<void> {
    const since = request.since === null ? null : parsePosition(request.since);
    // It reads nothing, so it must not wait for those who do.
    if (request.feed === 'none') {
      return this.#arrivals.run(request.connection, () => this.#resumeWithoutFeed(feed, request, since));
    }
    const work = async (turn: Turn): Promise<void> => {
      if (!feed.closed) await this.#resume(feed, request, since, turn);
    };
    if (this.#replaysNothing(since)) return this.#arrivals.run(request.connection, work);
    feed.whenClosed(() => this.line.leave(feed));
    return this.line.run(request.userId, work, feed);
  }

  /** Nothing is replayed, but another log is told, and a node that is behind the client catches up first. */
  async #resumeWithoutFeed(feed: Feed, request: ResumeRequest, since: Position | null): Promise<void> {
    const plan = await this.#plan(since);
    const isLost = plan.kind === 'reset' && plan.reason !== 'retention';
    if (!feed.closed) this.#start(feed, request, isLost ? plan : { kind: 'live' });
  }

  #replaysNothing(since: Position | null): boolean {
    const { hub, log } = this.#options;
    return since === null || since.epoch !== log.epoch || since.sequence === hub.tail;
  }

  async #resume(feed: Feed, request: ResumeRequest, since: Position | null, turn: Turn): Promise<void> {
    const { hub, log, goneTexts, pageBytes } = this.#options;
    const plan = await this.#plan(since);
    const told = since === null || plan.kind === 'reset' ? Number.MAX_SAFE_INTEGER : since.sequence;
    const stored = await this.#options.memberships(request.userId, told);
    await reachSnapshot(this.#options, stored);
    const fold = new MembershipFold(request.userId, told, stored);
    let folded = stored.asOf;
    while (!hub.ring.covers(folded)) folded = await foldFromLog(this.#options, fold, folded);
    // From here to the replay's first await all is one tick: the audience takes the fold as of the hub's tail.
    if (feed.closed) return;
    for (const commit of hub.ring.changesAfter(folded)) fold.apply(commit);
    const user = hub.audience.admit(request.userId, feed, fold.memberships());
    for (const { conversationId, version } of fold.memberships()) hub.missRules(conversationId, version);
    feed.admitted(user);
    const from = this.#start(feed, request, plan);
    if (from === null) return;
    for (const { conversationId, reason } of fold.departures()) {
      if (!user.memberships.has(conversationId)) feed.revoke(conversationId, reason);
    }
    const end = await new Replay({
      hub,
      log,
      history: new FeedHistory(hub, feed, user),
      turn,
      from,
      pageBytes,
      goneTexts,
    }).run();
    this.#options.observer.replayed(end.kind === 'live' ? 'replay' : end.kind);
    if (end.kind === 'reset') this.#reset(feed, end.reason);
  }

  /** Says welcome; gives where the replay starts, or null when there is none and the feed is live. */
  #start(feed: Feed, request: ResumeRequest, plan: ResumePlan): number | null {
    const { hub, log, observer } = this.#options;
    const from = plan.kind === 'replay' || plan.kind === 'read-log' ? plan.from : null;
    const position = from ?? hub.tail;
    feed.begin(position);
    feed.say({
      t: 'welcome',
      connection: request.connection,
      user: request.userId,
      epoch: log.epoch,
      position: formatPosition(log.epoch, position),
      heartbeatMs: HEARTBEAT_MS,
      expiresAt: request.expiresAt,
      limits: SOCKET_LIMITS,
      resumed: from !== null,
    });
    if (from !== null) return from;
    observer.replayed(plan.kind === 'reset' ? 'reset' : 'live');
    if (plan.kind === 'reset') this.#reset(feed, plan.reason);
    else feed.goLive(position);
    return null;
  }

  #reset(feed: Feed, reason: Extract<ResumePlan, { kind: 'reset' }>['reason']): void {
    const { hub, log, observer } = this.#options;
    observer.reset(reason);
    feed.say({ t: 'reset', reason, position: formatPosition(log.epoch, hub.tail) });
    feed.goLive(hub.tail);
  }

  async #plan(since: Position | null): Promise<ResumePlan> {
    const { hub, log } = this.#options;
    let bounds: { first: number; last: number } | null = null;
    for (;;) {
      const { tail, ring } = hub;
      const plan = planResume(since, { epoch: log.epoch, coveredAfter: ring.coveredAfter, tail }, bounds);
      if (plan.kind === 'ask-bounds') bounds = await log.bounds();
      else if (plan.kind === 'wait') await reach(hub, plan.until);
      else return plan;
    }
  }
}
