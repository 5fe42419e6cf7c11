import type { RevokedReason } from '@parley/contracts';
import type { ConversationCommit } from './conversation-commit.ts';

/** Users whose membership the commit may change: all others see the whole of it or nothing. */
export function movedUsers({ changes }: ConversationCommit): Set<string> {
  return new Set(changes.flatMap((change) => change.userIds));
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
  /** Messages that were there when they joined, if they did. */
  ordinal: number;
  left: RevokedReason | null;
}

/** One user's way through a commit: they see each event during which, or by which, they are a member. */
export function follow(commit: ConversationCommit, userId: string, memberBefore: boolean): Course {
  const course: Course = { visible: [], member: memberBefore, joined: false, ordinal: 0, left: null };
  const changes = new Map(
    commit.changes
      .filter((change) => change.kind === 'deleted' || change.userIds.includes(userId))
      .map((change) => [change.event, change]),
  );
  for (let index = 0; index < commit.size; index++) {
    const change = changes.get(index);
    if (change?.kind === 'joined' && !course.member) {
      course.member = true;
      course.joined = true;
      course.ordinal = change.ordinal ?? 0;
    }
    if (course.member) course.visible.push(index);
    if (course.member && change && change.kind !== 'joined') {
      course.member = false;
      course.left = change.kind;
    }
  }
  return course;
}
