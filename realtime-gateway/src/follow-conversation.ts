import {
  conversationSubject,
  errorCatalogue,
  formatPosition,
  type ResetReason,
  SOCKET_LIMITS,
} from '@parley/contracts';
import type { EventLog } from '@parley/runtime';
import { foldFromLog, reach, reachSnapshot } from './catch-up.ts';
import { wallNow } from './clocks.ts';
import { ConversationHistory } from './conversation-history.ts';
import type { Feed } from './feed.ts';
import { type Attempt, type Following, forgetEnded, isFull } from './following.ts';
import type { Hub } from './hub.ts';
import type { AskedAccess, StoredAccess } from './read-access.ts';
import type { AskedTexts, StoredGoneTexts } from './read-gone-texts.ts';
import { Replay } from './replay.ts';
import {
  AccessFold,
  type AccessSnapshot,
  firstVersion,
  type Relation,
  reaches,
  relationOf,
} from './session/access.ts';
import type { Follower } from './session/follower.ts';
import type { Turn, WaitingLine } from './waiting-line.ts';

interface FollowRequest {
  userId: string;
  /** Of the newest token. */
  segments: readonly string[];
  feed: 'all' | 'none';
  /** Echoed in the answer. */
  id: number;
  conversation: string;
  /** The version that the client has. */
  from: number | 'head';
}

interface FollowerOptions {
  hub: Hub;
  log: EventLog;
  access: (asked: AskedAccess) => Promise<StoredAccess>;
  goneTexts: (asked: AskedTexts) => Promise<StoredGoneTexts>;
  /** The one in which resumes wait as well: one replay at a time per user. */
  line: WaitingLine;
  /** Bytes of a replay in flight to one socket. */
  pageBytes: number;
}

/** An attempt whose turn it is. */
interface Follow {
  following: Following;
  attempt: Attempt;
  turn: Turn;
}

interface Granted {
  snapshot: AccessSnapshot;
  relation: Exclude<Relation, 'banned' | 'stranger'>;
  /** Commits up to this sequence hold nothing that is asked for. */
  begin: number;
}

/** Lets sockets follow single conversations: the question who may, the replay, and the joining to the live flow. */
export class ConversationFollower {
  readonly #options: FollowerOptions;
  readonly #followings = new Map<Feed, Following>();

  constructor(options: FollowerOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the conversation is live on the feed, refused, or given up. Rejects when the log or the read model
   * cannot answer: then it is not followed. A conversation that is followed already, or waits to be, starts anew in
   * the place that it has.
   */
  async open(feed: Feed, request: FollowRequest): Promise<void> {
    if (feed.closed) return;
    const following = this.#following(feed);
    following.segments = request.segments;
    forgetEnded(following);
    const attempt: Attempt = { over: false, follower: null, fills: this.#isMember(request) };
    if (isFull(following, request.conversation, attempt)) {
      refuse(feed, request, 'limit-reached');
      return;
    }
    this.close(feed, request.conversation);
    following.attempts.set(request.conversation, attempt);
    const work = (turn: Turn): Promise<void> => this.#follow(feed, request, { following, attempt, turn });
    try {
      await this.#options.line.run(request.userId, work, attempt);
    } finally {
      // What is not live by now never will be.
      if (attempt.follower?.phase !== 'live') this.#end(attempt);
      if (attempt.over && following.attempts.get(request.conversation) === attempt) {
        following.attempts.delete(request.conversation);
      }
    }
  }

  /** Idempotent. */
  close(feed: Feed, conversation: string): void {
    const attempts = this.#followings.get(feed)?.attempts;
    const attempt = attempts?.get(conversation);
    if (!attempt) return;
    this.#end(attempt);
    attempts?.delete(conversation);
  }

  /** The token was renewed: audiences of segments that it no longer names end. */
  segmentsChanged(feed: Feed, segments: readonly string[]): void {
    const following = this.#followings.get(feed);
    if (!following) return;
    following.segments = segments;
    for (const [conversation, attempt] of following.attempts) {
      const { phase, access } = attempt.follower ?? {};
      if (!access || phase === 'ended' || access.place || access.reach?.kind !== 'segment') continue;
      if (reaches(access.reach, segments)) continue;
      this.#end(attempt);
      following.attempts.delete(conversation);
      feed.revoke(conversation, 'removed');
    }
  }

  #isMember({ feed, userId, conversation }: FollowRequest): boolean {
    const { audience } = this.#options.hub;
    return feed === 'all' && audience.user(userId)?.memberships.has(conversation) === true;
  }

  #following(feed: Feed): Following {
    const known = this.#followings.get(feed);
    if (known) return known;
    const following: Following = { segments: [], attempts: new Map() };
    this.#followings.set(feed, following);
    feed.whenClosed(() => {
      for (const attempt of following.attempts.values()) this.#end(attempt);
      this.#followings.delete(feed);
    });
    return following;
  }

  #end(attempt: Attempt): void {
    attempt.over = true;
    this.#options.line.leave(attempt);
    const { follower } = attempt;
    if (follower && follower.phase !== 'ended') this.#options.hub.audience.detach(follower);
  }

  async #follow(feed: Feed, request: FollowRequest, follow: Follow): Promise<void> {
    const { hub, log, access } = this.#options;
    const { conversation: conversationId, userId } = request;
    const wanted = request.from === 'head' ? null : request.from;
    const stored = await access({ conversationId, userId, from: wanted });
    await reachSnapshot(this.#options, stored);
    const fold = new AccessFold(conversationId, userId, stored.snapshot);
    let folded = stored.asOf;
    const subject = conversationSubject(conversationId);
    for (let askedLog = false; ; askedLog = true) {
      while (!hub.ring.covers(folded)) folded = await foldFromLog(this.#options, fold, folded, subject);
      // From here to the replay's first await all is one tick: the audience takes the follower as of the hub's tail.
      if (follow.attempt.over) return;
      for (const commit of hub.ring.concerning([conversationId], null, folded)) fold.apply(commit);
      folded = hub.tail;
      const { snapshot } = fold;
      const relation = relationOf(snapshot, follow.following.segments, wallNow());
      const refused = relation === 'banned' || relation === 'stranger';
      if (!refused && (askedLog || (wanted ?? 0) <= snapshot.version)) {
        await this.#start(feed, request, { snapshot, relation, begin: stored.begin }, follow);
        return;
      }
      if (refused && askedLog) {
        refuse(feed, request, relation === 'banned' ? 'banned' : 'not-found', snapshot.access.bannedUntil);
        return;
      }
      // What the client knows of and this process does not may be on its way here.
      await reach(hub, (await log.bounds()).last);
    }
  }

  async #start(
    feed: Feed,
    request: FollowRequest,
    granted: Granted,
    { following, attempt, turn }: Follow,
  ): Promise<void> {
    attempt.fills = request.feed === 'all' && granted.relation === 'member';
    if (isFull(following, request.conversation, attempt)) {
      refuse(feed, request, 'limit-reached');
      return;
    }
    const { hub, log, pageBytes, goneTexts } = this.#options;
    const { snapshot, begin } = granted;
    const head = snapshot.version;
    const isUnknown = request.from !== 'head' && request.from > head;
    const asked = request.from === 'head' || isUnknown ? head : request.from;
    const from = Math.max(asked, firstVersion(snapshot.access, snapshot.rules) - 1);
    const follower = followerOf(feed, request, granted);
    attempt.follower = follower;
    hub.audience.attach(follower, snapshot);
    feed.say({ t: 'sub-ok', id: request.id, conversation: request.conversation, from, head });
    const history = new ConversationHistory(hub, follower, { from, head });
    if (isUnknown) this.#reset(history, follower, 'unknown-position');
    else if (from === head) history.goLive();
    else {
      const start = Math.min(begin, hub.tail);
      const end = await new Replay({ hub, log, history, turn, from: start, pageBytes, goneTexts }).run();
      if (end.kind === 'reset') this.#reset(history, follower, end.reason);
    }
  }

  #reset(
    history: ConversationHistory,
    { session, conversationId }: Follower<Feed>,
    reason: ResetReason,
  ): void {
    if (history.closed) return;
    const { hub, log } = this.#options;
    const position = formatPosition(log.epoch, hub.tail);
    session.say({ t: 'reset', reason, position, conversation: conversationId });
    history.goLive();
  }
}

function followerOf(
  session: Feed,
  { userId, conversation: conversationId, feed }: FollowRequest,
  { snapshot: { access, version }, relation }: Granted,
): Follower<Feed> {
  const until = feed === 'all' && relation === 'member' ? version : Number.POSITIVE_INFINITY;
  return { session, userId, conversationId, feed, phase: 'replaying', access, until, stale: false };
}

type Refusal = 'not-found' | 'banned' | 'limit-reached';

function refuse(feed: Feed, { id }: FollowRequest, code: Refusal, bannedUntil: number | null = null): void {
  feed.say({ t: 'error', id, code, detail: detailOf(code, bannedUntil) });
}

function detailOf(code: Refusal, bannedUntil: number | null): string {
  if (code === 'limit-reached')
    return `a socket follows at most ${SOCKET_LIMITS.subscriptions} conversations`;
  if (code === 'not-found') return 'there is no such conversation, or you may not follow it';
  const until = Number.isFinite(bannedUntil) ? new Date(bannedUntil ?? 0).toISOString() : null;
  return until ? `until ${until}` : errorCatalogue.banned.title;
}
