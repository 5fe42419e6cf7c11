import type { CommandData, CommandOf } from '@parley/contracts';
import type { ConversationState } from './conversation.ts';
import { bannedAt, forbidGiving, membersAdded, roleOf } from './decide-members.ts';
import { accept, atLimit, type Decision, type NewEvent, reject, rejectField } from './decider.ts';
import { outranks } from './permissions.ts';
import { banEnd, isOpen, openInvite } from './standing.ts';

const MAX_OPEN_INVITES = 1_000;

/** Members and those who have an open invite are passed over: to change an invite, take it back with `members.remove` first. */
export function invite(state: ConversationState, { actor, at, data }: CommandOf<'members.invite'>): Decision {
  const { role, expiresAt } = data;
  if (expiresAt !== undefined && !(Date.parse(expiresAt) > at)) {
    return rejectField('expiresAt', 'must be in the future');
  }
  const faults = data.userIds.flatMap((userId, index) =>
    banEnd(state, userId, at) === null ? [] : [bannedAt(`userIds.${index}`)],
  );
  if (faults.length > 0) return reject('invalid-request', { errors: faults });
  const userIds = newlyInvited(state, data, at);
  if (userIds.length === 0) return accept<'members.invite'>([], { invited: [] });
  if (!outranks(roleOf(state, actor), role)) return forbidGiving(role);
  if (userIds.length > MAX_OPEN_INVITES - openInvites(state, at)) {
    return atLimit(`At most ${MAX_OPEN_INVITES} invites are open at a time.`);
  }
  const event: NewEvent = {
    type: 'member.invited',
    data: { userIds, role, ...(expiresAt !== undefined && { expiresAt }) },
  };
  return accept<'members.invite'>([event], { invited: userIds });
}

function newlyInvited(
  state: ConversationState,
  { userIds }: CommandData<'members.invite'>,
  at: number,
): string[] {
  return [...new Set(userIds)].filter(
    (userId) => !state.roles.has(userId) && openInvite(state, userId, at) === null,
  );
}

function openInvites({ invites }: ConversationState, at: number): number {
  return invites.count((open) => isOpen(open, at));
}

/** Of a member it changes nothing: they are in. */
export function acceptInvite(
  state: ConversationState,
  { actor, at }: CommandOf<'members.accept-invite'>,
): Decision {
  const present = state.roles.get(actor);
  if (present) return accept<'members.accept-invite'>([], { role: present });
  const role = openInvite(state, actor, at)?.role ?? 'guest';
  const event = membersAdded(state, [{ userId: actor, role }], 'invite');
  return accept<'members.accept-invite'>([event], { role });
}

export function declineInvite(
  state: ConversationState,
  { actor, at }: CommandOf<'members.decline-invite'>,
): Decision {
  if (!openInvite(state, actor, at)) return accept<'members.decline-invite'>([], {});
  return accept<'members.decline-invite'>([{ type: 'invite.declined', data: { userId: actor } }], {});
}
