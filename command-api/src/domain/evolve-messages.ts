import type { EventOf } from '@parley/contracts';
import type { OrderedMap, Seq } from 'immutable';
import type { ConversationState } from './conversation.ts';
import { hasPrivilege } from './permissions.ts';

/** Deletions and reactions remembered for a friendly answer: an older one again is void in every fold. Lowerings, too. */
const REMEMBERED = 1_024;
/** Senders remembered while slow mode is on; with more than these within its reach, the earliest need not wait. */
const REMEMBERED_SENDERS = 4_096;

/** What events about messages and cursors do to a conversation. */
export function sent(state: ConversationState, event: EventOf<'message.sent'>): ConversationState {
  const { ordinal, replies } = event.data;
  const lastSentAt = withSender(state, event.actor, Date.parse(event.time));
  return { ...state, messageCount: ordinal, replyCount: replies, lastSentAt };
}

/** Times of one conversation never go back, so the oldest is always first. */
function withSender(state: ConversationState, sender: string, at: number): OrderedMap<string, number> {
  const { type, settings, lastSentAt } = state;
  const reach = settings.slowModeSeconds * 1_000;
  const role = state.roles.get(sender);
  if (reach === 0 || type === null || !role || hasPrivilege('slow-mode.exempt', type, role)) {
    return lastSentAt;
  }
  const over = lastSentAt
    .toSeq()
    .takeWhile((sentAt) => sentAt + reach <= at)
    .keySeq();
  const kept = newest(lastSentAt.deleteAll([...over, sender]), REMEMBERED_SENDERS - 1);
  return kept.set(sender, at);
}

export function deleted(state: ConversationState, ordinal: number): ConversationState {
  return {
    ...state,
    deletedOrdinals: newest(state.deletedOrdinals.add(ordinal), REMEMBERED),
    pinnedOrdinals: state.pinnedOrdinals.delete(ordinal),
  };
}

export function expired(state: ConversationState, throughOrdinal: number): ConversationState {
  const expiredOrdinal = Math.max(state.expiredOrdinal, throughOrdinal);
  const pinnedOrdinals = state.pinnedOrdinals.filter((ordinal) => ordinal > expiredOrdinal);
  return { ...state, expiredOrdinal, pinnedOrdinals };
}

/** Whose reaction it is, and to what. An emoji holds no space and no ordinal does, so no two reactions share a key. */
export function reactionKey(ordinal: number, emoji: string, userId: string): string {
  return `${ordinal} ${emoji} ${userId}`;
}

export function reacted(
  state: ConversationState,
  event: EventOf<'reaction.added'> | EventOf<'reaction.removed'>,
): ConversationState {
  const { ordinal, emoji } = event.data;
  const key = reactionKey(ordinal, emoji, event.actor);
  const reactions = state.reactions.delete(key).set(key, event.type === 'reaction.added');
  return { ...state, reactions: newest(reactions, REMEMBERED) };
}

export function lowered(state: ConversationState, event: EventOf<'cursor.lowered'>): ConversationState {
  const { userId, ordinal } = event.data;
  if (!state.roles.has(userId)) return state;
  const all = state.lowered.delete(userId).set(userId, { ordinal, version: event.version ?? 0 });
  const oldest = all.size > REMEMBERED ? all.first() : undefined;
  const loweredForgotten = oldest?.version ?? state.loweredForgotten;
  return { ...state, lowered: newest(all, REMEMBERED), loweredForgotten };
}

/** Without the oldest entry when there is one too many: every event adds one at most. */
function newest<K, C extends { size: number; keySeq(): Seq.Indexed<K>; delete(key: K): C }>(
  all: C,
  limit: number,
): C {
  const oldest = all.size > limit ? all.keySeq().first() : undefined;
  return oldest === undefined ? all : all.delete(oldest);
}
