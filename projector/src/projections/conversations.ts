import type { ConversationChange } from './changes.ts';
import type { ConversationEventType, Folds, Place } from './fold.ts';

/** One row per conversation: what it is, and the counts that unread is computed from. */
export const conversationFolds: Folds<ConversationEventType> = {
  'conversation.created': (event, place) => {
    const change = touched(place, event.version);
    change.creation = {
      type: event.data.type,
      title: event.data.title ?? null,
      description: event.data.description ?? null,
      createdAt: event.time,
      createdBy: event.actor,
    };
    change.memberDelta += event.data.members.length;
  },
  'members.added': (event, place) => {
    touched(place, event.version).memberDelta += event.data.members.length;
  },
  'member.left': (event, place) => {
    touched(place, event.version).memberDelta -= 1;
  },
  'members.removed': (event, place) => {
    touched(place, event.version).memberDelta -= event.data.userIds.length;
  },
  'message.sent': (event, place) => {
    const change = touched(place, event.version);
    change.messageCount = event.data.ordinal;
    change.lastMessageAt = event.time;
  },
  'message.edited': (event, place) => {
    touched(place, event.version);
  },
  'message.deleted': (event, place) => {
    const change = touched(place, event.version);
    change.lastDeletedOrdinal = Math.max(change.lastDeletedOrdinal, event.data.ordinal);
  },
};

/** Every event of a conversation moves its version, also one that changes nothing else here. */
export function touched(place: Place, version: number | undefined): ConversationChange {
  place.changes.conversation ??= {
    creation: null,
    memberDelta: 0,
    messageCount: 0,
    lastMessageAt: null,
    lastDeletedOrdinal: 0,
    version: 0,
    sequence: 0,
  };
  const change = place.changes.conversation;
  change.version = version ?? change.version;
  change.sequence = place.sequence;
  return change;
}
