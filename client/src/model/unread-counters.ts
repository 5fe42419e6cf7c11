import type { MembershipView } from '@parley/contracts';

/** Messages that a model remembers one by one; a cursor lowered to before them has to be asked for. */
const RECENT_MESSAGES = 500;

interface RecentMessage {
  ordinal: number;
  /** Not a thread reply. */
  main: boolean;
  /** Calls the viewer, who is not its sender. */
  mention: boolean;
  deleted: boolean;
  hidden: boolean;
}

/**
 * What unread and mentions are computed from. A snapshot says how many messages before it are unread, not which; every
 * message after it is known. A number is null when the events do not determine it any more: it is never guessed, and
 * comes back once the viewer has read all that it was about.
 */
export interface UnreadCounters {
  /** Nothing up to this ordinal is unread. */
  readonly floor: number;
  /** Retention emptied everything up to here: the floor does not go below. */
  readonly expired: number;
  /** Every message after this ordinal is in `recent`. */
  readonly knownAfter: number;
  /** Of the messages after `floor` and up to `knownAfter`; `excluded` are those known not to count. */
  readonly olderUnread: number | null;
  readonly olderMentions: number | null;
  readonly excluded: readonly number[];
  readonly recent: readonly RecentMessage[];
  readonly threadUnread: number | null;
}

export function unreadCounters(me: MembershipView | null, messageCount: number): UnreadCounters {
  return {
    floor: me?.readOrdinal ?? messageCount,
    expired: 0,
    knownAfter: messageCount,
    olderUnread: me?.unread ?? 0,
    olderMentions: me?.mentions ?? 0,
    excluded: [],
    recent: [],
    threadUnread: me?.threadUnread ?? 0,
  };
}

/** Lower bounds while their older part is unknown. */
export function unreadNumbers(counters: UnreadCounters): { unread: number; mentions: number } {
  let [unread, mentions] = [counters.olderUnread ?? 0, counters.olderMentions ?? 0];
  for (const message of counters.recent) {
    if (message.ordinal <= counters.floor || !counts(message)) continue;
    unread++;
    if (message.mention) mentions++;
  }
  return { unread, mentions };
}

const counts = ({ main, deleted, hidden }: RecentMessage): boolean => main && !deleted && !hidden;

export function withMessage(
  counters: UnreadCounters,
  message: Pick<RecentMessage, 'ordinal' | 'main' | 'mention'>,
): UnreadCounters {
  const recent = [...counters.recent, { ...message, deleted: false, hidden: false }];
  const [oldest] = recent;
  return recent.length > RECENT_MESSAGES && oldest
    ? forgetting({ ...counters, recent: recent.slice(1) }, oldest)
    : { ...counters, recent };
}

function forgetting(counters: UnreadCounters, message: RecentMessage): UnreadCounters {
  const { floor, olderUnread, olderMentions, excluded } = counters;
  const known = { ...counters, knownAfter: message.ordinal };
  if (message.ordinal <= floor) return known;
  if (!counts(message)) return { ...known, excluded: withExcluded(excluded, message.ordinal) };
  return {
    ...known,
    olderUnread: olderUnread === null ? null : olderUnread + 1,
    olderMentions: olderMentions === null ? null : olderMentions + (message.mention ? 1 : 0),
  };
}

/**
 * Of somebody who is far behind a busy thread there would be ever more: then which they are is given up, so that `allKnown`
 * is false until they are read.
 */
function withExcluded(excluded: readonly number[], ordinal: number): readonly number[] {
  return excluded.length < RECENT_MESSAGES ? [...excluded, ordinal] : [];
}

/** Whether it is known of each older message that it is unread or why it does not count. */
function allKnown({ floor, knownAfter, olderUnread, excluded }: UnreadCounters): boolean {
  return olderUnread !== null && olderUnread + excluded.length === Math.max(0, knownAfter - floor);
}

const zeroOrUnknown = (count: number | null): number | null => (count === 0 ? 0 : null);

/** The viewer has read up to an ordinal, or what was up to it is gone. */
export function raiseFloor(counters: UnreadCounters, ordinal: number): UnreadCounters {
  if (ordinal <= counters.floor) return counters;
  if (ordinal >= counters.knownAfter) {
    return { ...counters, floor: ordinal, olderUnread: 0, olderMentions: 0, excluded: [] };
  }
  const excluded = counters.excluded.filter((each) => each > ordinal);
  return {
    ...counters,
    floor: ordinal,
    olderUnread: allKnown(counters)
      ? counters.knownAfter - ordinal - excluded.length
      : zeroOrUnknown(counters.olderUnread),
    olderMentions: zeroOrUnknown(counters.olderMentions),
    excluded,
  };
}

export function expireThrough(counters: UnreadCounters, ordinal: number): UnreadCounters {
  return raiseFloor({ ...counters, expired: Math.max(counters.expired, ordinal) }, ordinal);
}

/** The cursor went back. What it uncovers before the known messages was never counted here. */
export function lowerFloor(counters: UnreadCounters, readOrdinal: number): UnreadCounters {
  const ordinal = Math.max(readOrdinal, counters.expired);
  if (ordinal >= counters.floor) return counters;
  const lowered = { ...counters, floor: ordinal };
  return ordinal >= counters.knownAfter ? lowered : unknownUnread(lowered);
}

export function unknownUnread(counters: UnreadCounters): UnreadCounters {
  return { ...counters, olderUnread: null, olderMentions: null };
}

/** A message that may be unread is deleted or hidden. Only for main messages, or where nobody says which it is. */
export function withoutMessage(
  counters: UnreadCounters,
  ordinal: number,
  why: 'deleted' | 'hidden',
): UnreadCounters {
  if (ordinal > counters.knownAfter) return marked(counters, ordinal, { [why]: true });
  if (ordinal <= counters.floor || counters.excluded.includes(ordinal)) return counters;
  const olderMentions = zeroOrUnknown(counters.olderMentions);
  if (!allKnown(counters) || counters.olderUnread === null) {
    return { ...counters, olderMentions, olderUnread: zeroOrUnknown(counters.olderUnread) };
  }
  const excluded = withExcluded(counters.excluded, ordinal);
  return { ...counters, olderMentions, excluded, olderUnread: counters.olderUnread - 1 };
}

/** A main message of somebody else has a new text. */
export function withMention(counters: UnreadCounters, ordinal: number, mention: boolean): UnreadCounters {
  if (ordinal > counters.knownAfter) return marked(counters, ordinal, { mention });
  if (ordinal <= counters.floor || counters.excluded.includes(ordinal)) return counters;
  return { ...counters, olderMentions: mention ? null : zeroOrUnknown(counters.olderMentions) };
}

function marked(counters: UnreadCounters, ordinal: number, change: Partial<RecentMessage>): UnreadCounters {
  const recent = counters.recent.map((each) => (each.ordinal === ordinal ? { ...each, ...change } : each));
  return { ...counters, recent };
}

export function recentMessage(counters: UnreadCounters, ordinal: number): RecentMessage | undefined {
  return counters.recent.find((message) => message.ordinal === ordinal);
}

export function withThreadReply(
  counters: UnreadCounters,
  rootOrdinal: number,
  callsViewer: boolean,
): UnreadCounters {
  const { threadUnread } = counters;
  const root = recentMessage(counters, rootOrdinal);
  // A thread whose root the viewer does not see does not count; of an older root it is not known.
  if (root?.hidden || rootOrdinal <= counters.expired) return counters;
  if (!root) return { ...counters, threadUnread: null };
  // Who else follows the thread is not in the event: one that the viewer wrote in counts as well.
  return { ...counters, threadUnread: callsViewer && threadUnread !== null ? threadUnread + 1 : null };
}

/** Something was read or went away in the threads: nothing changes only when nothing was unread. */
export function threadsChanged(counters: UnreadCounters): UnreadCounters {
  return { ...counters, threadUnread: zeroOrUnknown(counters.threadUnread) };
}
