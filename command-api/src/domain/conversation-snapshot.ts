import type { Role } from '@parley/contracts';
import { Map as ImmutableMap, Set as ImmutableSet, OrderedMap, OrderedSet } from 'immutable';
import type { ConversationState, Invite, Lowering } from './conversation.ts';

/** A state as plain JSON. Members are the bulk of it: one short row each. */
type Plain = Pick<
  ConversationState,
  | 'type'
  | 'title'
  | 'description'
  | 'avatar'
  | 'settings'
  | 'audience'
  | 'archived'
  | 'deleted'
  | 'messageCount'
  | 'replyCount'
  | 'expiredOrdinal'
  | 'loweredForgotten'
>;

interface ConversationSnapshot extends Plain {
  members: [userId: string, role: Role, joinedOrdinal?: number][];
  deletedOrdinals: number[];
  bans: [string, number | null][];
  invites: [string, Invite][];
  pinnedOrdinals: number[];
  reactions: [string, boolean][];
  lastSentAt: [string, number][];
  lowered: [string, Lowering][];
}

/** Plain JSON that `decodeConversationState` makes the same state of. */
export function encodeConversationState(state: ConversationState): ConversationSnapshot {
  const { roles, owners: _, joinedOrdinals, ...rest } = state;
  const members = [...roles].map(([userId, role]): ConversationSnapshot['members'][number] => {
    const joined = joinedOrdinals.get(userId);
    return joined === undefined ? [userId, role] : [userId, role, joined];
  });
  return {
    ...rest,
    members,
    deletedOrdinals: [...state.deletedOrdinals],
    bans: [...state.bans],
    invites: [...state.invites],
    pinnedOrdinals: [...state.pinnedOrdinals],
    reactions: [...state.reactions],
    lastSentAt: [...state.lastSentAt],
    lowered: [...state.lowered],
  };
}

/** Of what `encodeConversationState` made; anything else is a fault of the caller. */
export function decodeConversationState(json: unknown): ConversationState {
  const { members, ...rest } = json as ConversationSnapshot;
  const joined = members.flatMap(([userId, _, ordinal]): [string, number][] =>
    ordinal === undefined ? [] : [[userId, ordinal]],
  );
  return {
    ...rest,
    roles: ImmutableMap(members.map(([userId, role]): [string, Role] => [userId, role])),
    owners: members.filter(([, role]) => role === 'owner').length,
    joinedOrdinals: ImmutableMap(joined),
    deletedOrdinals: OrderedSet(rest.deletedOrdinals),
    bans: ImmutableMap(rest.bans),
    invites: ImmutableMap(rest.invites),
    pinnedOrdinals: ImmutableSet(rest.pinnedOrdinals),
    reactions: OrderedMap(rest.reactions),
    lastSentAt: OrderedMap(rest.lastSentAt),
    lowered: OrderedMap(rest.lowered),
  };
}
