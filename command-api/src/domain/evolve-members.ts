import type { EventData, EventOf, Role } from '@parley/contracts';
import type { ConversationState } from './conversation.ts';

/** What events about people do to a conversation. */
interface Member {
  userId: string;
  role: Role;
}

/** `ordinal`: the message count at that moment. Whoever is in has no open invite any more. */
export function withMembers(
  state: ConversationState,
  members: readonly Member[],
  ordinal: number,
): ConversationState {
  let { owners } = state;
  const roles = state.roles.withMutations((draft) => {
    for (const { userId, role } of members) {
      owners += Number(role === 'owner') - Number(draft.get(userId) === 'owner');
      draft.set(userId, role);
    }
  });
  const joinedOrdinals = state.joinedOrdinals.withMutations((draft) => {
    if (ordinal > 0) for (const { userId } of members) draft.set(userId, ordinal);
  });
  const invites =
    state.invites.size > 0 ? state.invites.deleteAll(members.map((member) => member.userId)) : state.invites;
  return { ...state, roles, owners, joinedOrdinals, invites };
}

export function withoutMembers(state: ConversationState, userIds: readonly string[]): ConversationState {
  const owners = state.owners - userIds.filter((userId) => state.roles.get(userId) === 'owner').length;
  return {
    ...state,
    roles: state.roles.deleteAll(userIds),
    owners,
    joinedOrdinals: state.joinedOrdinals.deleteAll(userIds),
    // Coming back sets the cursor anew, so no lowering from before says anything about it.
    lowered: state.lowered.deleteAll(userIds),
  };
}

export function withRole(
  state: ConversationState,
  { userId, to }: EventData<'member.role-changed'>,
): ConversationState {
  const owners = state.owners + Number(to === 'owner') - Number(state.roles.get(userId) === 'owner');
  return { ...state, roles: state.roles.set(userId, to), owners };
}

/** Bans that are over go when others come. */
export function banned(state: ConversationState, event: EventOf<'member.banned'>): ConversationState {
  const { userId, until } = event.data;
  const now = Date.parse(event.time);
  const bans = state.bans
    .filter((end) => end === null || end > now)
    .set(userId, until === undefined ? null : Date.parse(until));
  return { ...withoutMembers(state, [userId]), bans };
}

/** Invites that have run out go when others come: what is held stays within the limit of open ones. */
export function invited(state: ConversationState, event: EventOf<'member.invited'>): ConversationState {
  const { userIds, role, expiresAt } = event.data;
  const now = Date.parse(event.time);
  const invite = { role, expiresAt: expiresAt === undefined ? null : Date.parse(expiresAt) };
  const invites = state.invites
    .filter((open) => open.expiresAt === null || open.expiresAt > now)
    .withMutations((draft) => {
      for (const userId of userIds) draft.set(userId, invite);
    });
  return { ...state, invites };
}
