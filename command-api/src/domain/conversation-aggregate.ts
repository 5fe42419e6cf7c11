import {
  type Command,
  type ConversationEvent,
  conversationSubject,
  isConversationEvent,
} from '@parley/contracts';
import type { Aggregate, Reference } from './aggregate.ts';
import {
  type ConversationState,
  evolveConversation,
  initialConversation,
  resultOf,
  weightOf,
} from './conversation.ts';
import { decodeConversationState, encodeConversationState } from './conversation-snapshot.ts';
import { decideConversation } from './decide-conversation.ts';
import { refusedWhenBlocked } from './permissions.ts';

const NOTHING: readonly Reference[] = [];

/** A conversation as group commit sees it. */
export function conversationAggregate(conversationId: string): Aggregate<ConversationState> {
  return {
    subject: conversationSubject(conversationId),
    eventSubject: `conversation/${conversationId}`,
    initial: initialConversation,
    owns: isConversationEvent,
    decide: decideConversation,
    evolve: (state, event) => evolveConversation(state, event as ConversationEvent),
    stored: (state) => state,
    resultOf: (events) => resultOf(conversationId, events as ConversationEvent[]),
    references,
    pair,
    encode: encodeConversationState,
    decode: (json) => decodeConversationState(json as ReturnType<typeof encodeConversationState>),
    weight: weightOf,
  };
}

function references(command: Command): readonly Reference[] {
  switch (command.type) {
    case 'message.send': {
      const { replyTo, threadId } = command.data;
      if (replyTo === undefined && threadId === undefined) return NOTHING;
      return [
        ...(replyTo === undefined ? [] : [{ as: 'replyTo' as const, messageId: replyTo }]),
        ...(threadId === undefined ? [] : [{ as: 'thread' as const, messageId: threadId }]),
      ];
    }
    case 'messages.read': {
      const { threadId } = command.data;
      return threadId === undefined ? NOTHING : [{ as: 'thread', messageId: threadId }];
    }
    case 'message.edit':
    case 'message.delete':
    case 'message.react':
    case 'message.unreact':
    case 'message.pin':
    case 'message.unpin':
    case 'message.report':
    case 'user.hide-message': {
      const { messageId, sequence } = command.data;
      return [{ as: 'message', messageId, sequence }];
    }
    default:
      return NOTHING;
  }
}

function pair(state: ConversationState, command: Command): readonly [string, string] | null {
  if (command.type === 'conversation.create') {
    if (command.data.type !== 'direct') return null;
    const other = command.data.members.find(({ userId }) => userId !== command.actor);
    return other ? [command.actor, other.userId] : null;
  }
  if (state.type !== 'direct' || !refusedWhenBlocked.has(command.type)) return null;
  if (!state.roles.has(command.actor)) return null;
  for (const userId of state.roles.keys()) if (userId !== command.actor) return [command.actor, userId];
  return null;
}
