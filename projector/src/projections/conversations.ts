import type { EventData } from '@parley/contracts';
import type { ConversationChange, ConversationDescription } from './conversation-change.ts';
import type { Place, TotalFolds } from './fold.ts';

const moves = ({ version }: { version?: number }, place: Place): void => {
  touched(place, version);
};

/** One row per conversation: what it is, and the counts that unread is computed from. */
export const conversationFolds: TotalFolds = {
  'conversation.created': ({ data, time, actor, version }, place) => {
    const change = touched(place, version);
    change.creation = { type: data.type, ...reachOf(data.audience), createdAt: time, createdBy: actor };
    change.memberDelta += data.members.length;
    change.description = {
      title: data.title ?? null,
      description: data.description ?? null,
      settings: data.settings,
    };
  },
  'conversation.updated': ({ data, version }, place) => {
    const described = describing(place, version);
    if (data.title !== undefined) described.title = data.title;
    if (data.description !== undefined) described.description = data.description;
    if (data.avatar !== undefined) described.avatar = data.avatar;
    if (data.settings !== undefined) described.settings = { ...described.settings, ...data.settings };
  },
  'conversation.archived': ({ time, version }, place) => {
    describing(place, version).archivedAt = time;
  },
  'conversation.unarchived': ({ version }, place) => {
    describing(place, version).archivedAt = null;
  },
  'conversation.deleted': ({ time, version }, place) => {
    describing(place, version).deletedAt = time;
  },
  'members.added': ({ data, version }, place) => {
    touched(place, version).memberDelta += data.members.length;
  },
  'member.left': ({ version }, place) => {
    touched(place, version).memberDelta -= 1;
  },
  'members.removed': ({ data, version }, place) => {
    touched(place, version).memberDelta -= data.userIds.length;
  },
  'member.role-changed': moves,
  'member.banned': ({ data, version }, place) => {
    touched(place, version).memberDelta -= data.role === undefined ? 0 : 1;
  },
  'member.unbanned': moves,
  'member.invited': moves,
  'invite.declined': moves,
  'invite.revoked': moves,
  'message.sent': (event, place) => {
    const change = touched(place, event.version);
    const { ordinal, replies, threadOrdinal } = event.data;
    change.messageCount = ordinal;
    change.replyCount = replies;
    if (threadOrdinal !== undefined) {
      change.lastReplyOrdinal = ordinal;
      return;
    }
    change.lastMainOrdinal = ordinal;
    change.lastMessageAt = event.time;
    change.lastMessageSequence = place.sequence;
    mentionAll(change, event.data);
  },
  'message.edited': (event, place) => mentionAll(touched(place, event.version), event.data),
  'message.deleted': (event, place) => {
    const change = touched(place, event.version);
    change.lastDeletedOrdinal = Math.max(change.lastDeletedOrdinal, event.data.ordinal);
  },
  'messages.expired': (event, place) => {
    const change = touched(place, event.version);
    change.expiredOrdinal = Math.max(change.expiredOrdinal, event.data.throughOrdinal);
  },
  'reaction.added': moves,
  'reaction.removed': moves,
  'message.pinned': moves,
  'message.unpinned': moves,
  'cursor.lowered': moves,
};

/** Every event of a conversation moves its version, also one that changes nothing else here. */
export function touched(place: Place, version: number | undefined): ConversationChange {
  place.changes.conversation ??= {
    creation: null,
    description: null,
    memberDelta: 0,
    messageCount: 0,
    replyCount: 0,
    lastMainOrdinal: 0,
    lastMessageAt: null,
    lastMessageSequence: 0,
    lastDeletedOrdinal: 0,
    lastMentionAllOrdinal: 0,
    lastReplyOrdinal: 0,
    expiredOrdinal: 0,
    version: 0,
    sequence: 0,
  };
  const change = place.changes.conversation;
  change.version = version ?? change.version;
  change.sequence = place.sequence;
  return change;
}

function describing(place: Place, version: number | undefined): ConversationDescription {
  const change = touched(place, version);
  change.description ??= {};
  return change.description;
}

/** A hint: it also rises for an edit that is void. */
function mentionAll(
  change: ConversationChange,
  { ordinal, mentions, threadOrdinal }: EventData<'message.edited'>,
): void {
  if (threadOrdinal !== undefined || !(mentions.all || mentions.here)) return;
  change.lastMentionAllOrdinal = Math.max(change.lastMentionAllOrdinal, ordinal);
}

function reachOf(audience: EventData<'conversation.created'>['audience']) {
  return {
    audience: audience?.kind ?? null,
    segment: audience?.kind === 'segment' ? audience.segment : null,
    audienceUserIds: audience?.kind === 'custom' ? audience.userIds : null,
  };
}
