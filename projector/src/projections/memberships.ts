import type { EventOf } from '@parley/contracts';
import type { Folds, Place } from './fold.ts';
import type { MembershipChange } from './member-change.ts';

/** Every change of a membership, so that the members of any moment can be told. */
export const membershipFolds: Folds = {
  'conversation.created': (event, place) => came(event, place),
  'members.added': (event, place) => came(event, place),
  'member.left': (event, { changes, sequence }) => {
    changes.memberships.push({ ...lineOf(event, sequence), userId: event.data.userId });
  },
  'members.removed': (event, { changes, sequence }) => {
    const line = lineOf(event, sequence);
    for (const userId of event.data.userIds) changes.memberships.push({ ...line, userId });
  },
  'member.banned': (event, { changes, sequence }) => {
    if (event.data.role === undefined) return;
    changes.memberships.push({ ...lineOf(event, sequence), userId: event.data.userId });
  },
  'member.role-changed': (event, { changes, sequence }) => {
    const { userId, to } = event.data;
    const member = changes.members.get(userId);
    const joinedAt = member?.kind === 'put' ? member.joinedAt : null;
    changes.memberships.push({ ...lineOf(event, sequence), userId, role: to, joinedAt });
  },
};

function came(event: EventOf<'conversation.created' | 'members.added'>, { changes, sequence }: Place): void {
  const line = { ...lineOf(event, sequence), joinedAt: event.time };
  for (const { userId, role } of event.data.members) changes.memberships.push({ ...line, userId, role });
}

function lineOf(
  { version = 0, time }: { version?: number; time: string },
  sequence: number,
): Omit<MembershipChange, 'userId'> {
  return { version, sequence, at: time, role: null, joinedAt: null };
}
