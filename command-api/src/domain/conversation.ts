import {
  type Command,
  type ConversationType,
  directConversationId,
  type LogEvent,
  type Role,
} from '@parley/contracts';
import { Map as ImmutableMap, OrderedSet } from 'immutable';

/** Deletions remembered for a friendly refusal; older ones are void in every fold all the same. */
const REMEMBERED_DELETIONS = 1_024;

/** What deciding needs to know of a conversation, bounded however long its history is. Persistent: evolve copies nothing big. */
export interface ConversationState {
  /** Null until it exists. */
  type: ConversationType | null;
  roles: ImmutableMap<string, Role>;
  owners: number;
  messageCount: number;
  deletedOrdinals: OrderedSet<number>;
}

export const initialConversation: ConversationState = {
  type: null,
  roles: ImmutableMap(),
  owners: 0,
  messageCount: 0,
  deletedOrdinals: OrderedSet(),
};

/** The unchanging facts of an old message, read from the log; `wrong-sequence` = the named commit does not hold it. */
export type MessageFact = { senderId: string; ordinal: number } | 'unknown' | 'wrong-sequence';

/** The conversation that a command addresses. Direct conversations have one id whoever creates them. */
export function conversationOf(command: Command): string {
  if (command.type !== 'conversation.create') return command.data.conversationId;
  const other = command.data.members.find((member) => member.userId !== command.actor);
  if (command.data.type === 'direct' && other) return directConversationId(command.actor, other.userId);
  return command.data.conversationId ?? command.id;
}

export function evolveConversation(state: ConversationState, event: LogEvent): ConversationState {
  switch (event.type) {
    case 'conversation.created':
      return withMembers({ ...state, type: event.data.type }, event.data.members);
    case 'members.added':
      return withMembers(state, event.data.members);
    case 'member.left':
      return withoutMembers(state, [event.data.userId]);
    case 'members.removed':
      return withoutMembers(state, event.data.userIds);
    case 'message.sent':
      return { ...state, messageCount: event.data.ordinal };
    case 'message.deleted':
      return { ...state, deletedOrdinals: remember(state.deletedOrdinals, event.data.ordinal) };
    case 'message.edited':
    case 'cursors.advanced':
      return state;
  }
}

function withMembers(state: ConversationState, members: { userId: string; role: Role }[]): ConversationState {
  const roles = state.roles.withMutations((draft) => {
    for (const { userId, role } of members) draft.set(userId, role);
  });
  const owners = state.owners + members.filter((member) => member.role === 'owner').length;
  return { ...state, roles, owners };
}

function withoutMembers(state: ConversationState, userIds: string[]): ConversationState {
  const owners = state.owners - userIds.filter((userId) => state.roles.get(userId) === 'owner').length;
  return { ...state, roles: state.roles.deleteAll(userIds), owners };
}

function remember(ordinals: OrderedSet<number>, ordinal: number): OrderedSet<number> {
  const added = ordinals.add(ordinal);
  const oldest = added.first();
  return added.size > REMEMBERED_DELETIONS && oldest !== undefined ? added.delete(oldest) : added;
}

/** The answer to the command that made these events: a retry gets it from the log, however much later. */
export function resultOf(conversationId: string, events: LogEvent[]): unknown {
  const [event] = events;
  switch (event?.type) {
    case 'conversation.created':
      return { conversationId, created: true };
    case 'members.added':
      return event.data.via === 'join'
        ? { role: event.data.members[0]?.role }
        : { added: event.data.members.map((member) => member.userId) };
    case 'members.removed':
      return { removed: event.data.userIds };
    case 'message.sent':
      return { messageId: event.data.messageId, ordinal: event.data.ordinal };
    default:
      return {};
  }
}
