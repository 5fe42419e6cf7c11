import type { RevokedReason } from '@parley/contracts';
import { type ConversationCommit, encodeItem, type Item, redacted } from './commit.ts';

/** Users that the commit names: only they may see another part of it, or be somebody else after it. */
export function namedUsers({ changes, secrets }: ConversationCommit): Set<string> {
  const secretKeepers = secrets.map((secret) => secret.userId);
  return new Set(changes.flatMap((change) => change.userIds).concat(secretKeepers));
}

export function endsAll({ changes }: ConversationCommit): boolean {
  return changes.some((change) => change.kind === 'deleted');
}

/** Members after a change. A lower bound from a wrong start on, until an event of version 2 says the number. */
export function countAfter(count: number, change: ConversationCommit['changes'][number]): number {
  if (change.kind === 'joined') return change.memberCount ?? count + change.userIds.length;
  return Math.max(0, count - change.userIds.length);
}

interface Course {
  visible: number[];
  member: boolean;
  joined: boolean;
  left: RevokedReason | null;
}

/** One user's way through a commit: they see each event during which, or by which, they are a member. */
export function follow(commit: ConversationCommit, userId: string, memberBefore: boolean): Course {
  const course: Course = { visible: [], member: memberBefore, joined: false, left: null };
  const changes = new Map(
    commit.changes
      .filter((change) => change.kind === 'deleted' || change.userIds.includes(userId))
      .map((change) => [change.event, change]),
  );
  for (let index = 0; index < commit.events.length; index++) {
    const change = changes.get(index);
    if (change?.kind === 'joined' && !course.member) {
      course.member = true;
      course.joined = true;
    }
    if (course.member) course.visible.push(index);
    if (course.member && change && change.kind !== 'joined') {
      course.member = false;
      course.left = change.kind;
    }
  }
  return course;
}

/** What a user sees of the visible events as an item; users who see the same share it through `views`. */
export function viewOf(
  commit: ConversationCommit,
  userId: string,
  visible: readonly number[],
  views: Map<string, Item>,
): Item | null {
  if (visible.length === 0) return null;
  const keepsSecret = commit.secrets.some((secret) => secret.userId === userId);
  if (visible.length === commit.events.length && !keepsSecret) return commit.item;
  const key = keepsSecret ? `${visible.join()} ${userId}` : visible.join();
  const known = views.get(key);
  if (known) return known;
  const events = redacted(
    commit.events,
    commit.secrets.filter((secret) => secret.userId !== userId),
  );
  const item = encodeItem(
    commit.sequence,
    visible.flatMap((index) => events[index] ?? []),
  );
  views.set(key, item);
  return item;
}
