import type { RevokedReason } from '@parley/contracts';
import { type ConversationCommit, encodeItem, type Item } from './commit.ts';

export function namedUsers(commit: ConversationCommit): Set<string> {
  return new Set(commit.changes.flatMap((change) => change.userIds));
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
      .filter((change) => change.userIds.includes(userId))
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

/** The visible events as an item; users who see the same share it through `views`. */
export function viewOf(
  commit: ConversationCommit,
  visible: readonly number[],
  views: Map<string, Item>,
): Item | null {
  if (visible.length === 0) return null;
  if (visible.length === commit.events.length) return commit.item;
  const key = visible.join();
  const known = views.get(key);
  if (known) return known;
  const item = encodeItem(
    commit.sequence,
    commit.events.filter((_, index) => visible.includes(index)),
  );
  views.set(key, item);
  return item;
}
