import { type CommitItem, type ErrorCode, errorCatalogue, type ServerFrame } from '@parley/contracts';
import { spanOf, type VersionSpan, type VersionTrack, versionOf } from './version-track.ts';

const RETRY_BASE_MS = 1_000;
const RETRY_MAX_MS = 30_000;
const NEVER_ASKED = -1;

/** One conversation that is followed by `sub`, over any number of sockets. */
interface Follow {
  readonly conversation: string;
  /** What the consumer has; `head` until the server has said which that is. */
  readonly version: number | 'head';
  /** `replaying`: the answer to the last request came, so that pages are of this one and not of an older one. */
  readonly phase: 'wanted' | 'asked' | 'replaying' | 'live';
  /** Of the last request on this socket. */
  readonly id: number;
  readonly notBefore: number;
  readonly attempt: number;
  /** The last replay missed the versions after this one. */
  readonly hole: number | null;
}

export interface Following {
  readonly follows: ReadonlyMap<string, Follow>;
  /** Those to be asked for, in the order in which they were wanted. */
  readonly wanted: readonly string[];
  /** To be told to the server that they are followed no more. */
  readonly ended: readonly string[];
}

export const NOTHING_FOLLOWED: Following = { follows: new Map(), wanted: [], ended: [] };

type FollowFrame<T extends ServerFrame['t']> = Extract<ServerFrame, { t: T }>;

/** What a frame changes, what it hands to the consumer, and what is missing between. */
export interface FollowStep {
  following: Following;
  commits: readonly CommitItem[];
  /** `commits` are not continuous with what came before. */
  lost: boolean;
  /** The version from which on the feed brings the conversation. */
  live: number | null;
}

const unchanged = (following: Following): FollowStep => ({ following, commits: [], lost: false, live: null });

function withFollow(following: Following, follow: Follow): Following {
  return { ...following, follows: new Map(following.follows).set(follow.conversation, follow) };
}

const without = (list: readonly string[], conversation: string): readonly string[] =>
  list.includes(conversation) ? list.filter((id) => id !== conversation) : list;

function ask(following: Following, follow: Follow): Following {
  const { conversation } = follow;
  return {
    ...withFollow(following, { ...follow, phase: 'wanted' }),
    wanted: [...without(following.wanted, conversation), conversation],
  };
}

/** Also when it is followed already: then it goes on from the new place. */
export function follow(following: Following, conversation: string, from: number | 'head'): Following {
  const id = following.follows.get(conversation)?.id ?? NEVER_ASKED;
  const fresh = { id, notBefore: 0, attempt: 0, hole: null, phase: 'wanted' } as const;
  return ask(following, { ...fresh, conversation, version: from });
}

export function unfollow(following: Following, conversation: string): Following {
  const known = following.follows.get(conversation);
  if (!known) return following;
  const left = drop(following, conversation);
  return known.id === NEVER_ASKED ? left : { ...left, ended: [...left.ended, conversation] };
}

/** The server ended it, or never began. */
export function drop(following: Following, conversation: string): Following {
  if (!following.follows.has(conversation)) return following;
  const follows = new Map(following.follows);
  follows.delete(conversation);
  return { ...following, follows, wanted: without(following.wanted, conversation) };
}

/** A new socket knows nothing: all are asked for again, each from the last version that was handed out. */
export function followAnew(following: Following, versions: VersionTrack): Following {
  const follows = new Map(
    [...following.follows].map(([id, known]): [string, Follow] => {
      const version = known.phase === 'live' ? (versionOf(versions, id) ?? known.version) : known.version;
      return [id, { ...known, version, phase: 'wanted', id: NEVER_ASKED, notBefore: 0, attempt: 0 }];
    }),
  );
  return { follows, wanted: [...follows.keys()], ended: [] };
}

/** Another log: versions of the old one mean nothing in it. */
export function followFromHead(following: Following): Following {
  const follows = [...following.follows].map(([id, known]) => [id, { ...known, version: 'head' }] as const);
  return { ...following, follows: new Map(follows) };
}

export function onAsked(following: Following, conversation: string, id: number): Following {
  const known = following.follows.get(conversation);
  const next = known ? withFollow(following, { ...known, phase: 'asked', id }) : following;
  return { ...next, wanted: without(next.wanted, conversation) };
}

export function onSubOk(following: Following, { conversation, id, from }: FollowFrame<'sub-ok'>): Following {
  const known = following.follows.get(conversation);
  if (known?.id !== id || (known.phase !== 'asked' && known.phase !== 'replaying')) return following;
  const version = known.version === 'head' ? from : known.version;
  return withFollow(following, { ...known, phase: 'replaying', version });
}

export function onSubCommits(
  following: Following,
  { conversation, items }: FollowFrame<'sub-commits'>,
): FollowStep {
  const known = following.follows.get(conversation);
  if (known?.phase !== 'replaying') return unchanged(following);
  let { version } = known;
  let lost = false;
  const commits: CommitItem[] = [];
  for (const commit of items) {
    const span = spanOf(commit);
    if (span?.conversation !== conversation || (version !== 'head' && span.last <= version)) continue;
    if (version !== 'head' && span.first > version + 1) {
      // The commits before the hole are handed out, those after it not: unless asking again did not close it.
      const again = commits.length > 0 || known.hole !== version;
      if (again) return { ...reask(following, known, version), commits, lost };
      lost = true;
    }
    commits.push(commit);
    version = span.last;
  }
  return { following: withFollow(following, { ...known, version }), commits, lost, live: null };
}

function reask(following: Following, known: Follow, version: number): FollowStep {
  return unchanged(ask(following, { ...known, version, hole: version }));
}

export function onSubLive(
  following: Following,
  { conversation, version }: FollowFrame<'sub-live'>,
): FollowStep {
  const known = following.follows.get(conversation);
  if (known?.phase !== 'replaying') return unchanged(following);
  const behind = known.version !== 'head' && known.version < version;
  if (behind && known.hole !== known.version) return reask(following, known, known.version as number);
  const live: Follow = { ...known, phase: 'live', version, attempt: 0, hole: null };
  return { following: withFollow(following, live), commits: [], lost: behind, live: version };
}

/** The server cannot go on exactly: it will say from which version it does. */
export function onFollowReset(following: Following, conversation: string): Following {
  const known = following.follows.get(conversation);
  if (known?.phase !== 'asked' && known?.phase !== 'replaying') return following;
  return withFollow(following, { ...known, phase: 'replaying', version: 'head', hole: null });
}

/** The feed brings the conversation from here on, whatever the replay still says. */
export function onJoined(following: Following, conversation: string, version: number): Following {
  const known = following.follows.get(conversation);
  if (!known) return following;
  const next = withFollow(following, { ...known, phase: 'live', version, hole: null });
  return { ...next, wanted: without(next.wanted, conversation) };
}

/**
 * Whether a commit that does not go on from what was handed out comes of an older request of this socket: the newer one
 * is not answered yet, so that its replay will bring it.
 */
export function isLeftOver(following: Following, { conversation, first }: VersionSpan): boolean {
  const known = following.follows.get(conversation);
  if (!known || known.id === NEVER_ASKED || known.version === 'head') return false;
  return (known.phase === 'wanted' || known.phase === 'asked') && first > known.version + 1;
}

/** The feed has brought what the replay would bring next: an older request of this socket, or the user's membership. */
export function onFed(following: Following, { conversation, first, last }: VersionSpan): Following {
  const known = following.follows.get(conversation);
  if (!known || known.phase === 'live' || known.version === 'head') return following;
  const isNext = first <= known.version + 1 && last > known.version;
  return isNext ? withFollow(following, { ...known, version: last }) : following;
}

/** The follow whose request was answered with an error. */
export function followOf(following: Following, id: number): Follow | null {
  for (const known of following.follows.values()) {
    if (known.id === id && (known.phase === 'asked' || known.phase === 'replaying')) return known;
  }
  return null;
}

/** Null when asking again cannot help. */
export function onFollowError(
  following: Following,
  known: Follow,
  { code, retryAfterMs = 0 }: { code: ErrorCode; retryAfterMs?: number | undefined },
  { now, chance }: { now: number; chance: number },
): Following | null {
  // A newer server may have codes that this build does not know.
  const entry: { retryable: boolean } | undefined = errorCatalogue[code];
  if (!entry?.retryable) return null;
  const ceiling = Math.min(RETRY_MAX_MS, RETRY_BASE_MS * 2 ** Math.min(known.attempt, 16));
  const notBefore = now + retryAfterMs + chance * ceiling;
  return ask(following, { ...known, notBefore, attempt: known.attempt + 1 });
}
