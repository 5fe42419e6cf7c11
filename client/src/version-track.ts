import type { CommitItem, RecordedEvent } from '@parley/contracts';

/** Conversations that change between two merges; so a commit costs as much in ten as in ten thousand of them. */
const RECENT = 64;

/** Per conversation, the version of the last commit that was handed out. Never changed in place. */
export interface VersionTrack {
  readonly settled: ReadonlyMap<string, number>;
  /** Newer than `settled`; null = forgotten. */
  readonly recent: ReadonlyMap<string, number | null>;
}

export const NO_VERSIONS: VersionTrack = { settled: new Map(), recent: new Map() };

/** Undefined when nothing of the conversation was seen, or it was forgotten. */
export function versionOf({ settled, recent }: VersionTrack, conversation: string): number | undefined {
  const newer = recent.get(conversation);
  return newer === undefined ? settled.get(conversation) : (newer ?? undefined);
}

/** null forgets the conversation. */
export function withVersion(
  { settled, recent }: VersionTrack,
  conversation: string,
  version: number | null,
): VersionTrack {
  const newer = new Map(recent).set(conversation, version);
  if (newer.size <= RECENT) return { settled, recent: newer };
  const merged = new Map(settled);
  for (const [id, last] of newer) {
    if (last === null) merged.delete(id);
    else merged.set(id, last);
  }
  return { settled: merged, recent: new Map() };
}

/** The versions after `after` of a conversation are missing. */
export interface Hole {
  readonly conversation: string;
  readonly after: number;
}

export interface VersionSpan {
  readonly conversation: string;
  readonly first: number;
  readonly last: number;
}

const CONVERSATION = 'conversation/';

/** The versions that a commit brings; null for one that has none: cursors, and the user's own events. */
export function spanOf({ events }: CommitItem): VersionSpan | null {
  const first = events[0];
  const last = events.at(-1);
  if (typeof first?.subject !== 'string' || !first.subject.startsWith(CONVERSATION)) return null;
  if (typeof first.version !== 'number' || typeof last?.version !== 'number') return null;
  return {
    conversation: first.subject.slice(CONVERSATION.length),
    first: first.version,
    last: last.version,
  };
}

/** Whether the commit is shown from the event on that makes the user a member: what was before it is not theirs. */
export function beginsMembership({ events }: CommitItem, userId: string | null): boolean {
  const first: RecordedEvent | undefined = events[0];
  if (first?.type !== 'members.added' && first?.type !== 'conversation.created') return false;
  const { members } = (first.data ?? {}) as { members?: readonly ({ userId?: string } | null)[] };
  return Array.isArray(members) && members.some((member) => member?.userId === userId);
}
