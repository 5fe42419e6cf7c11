import { type CommandOf, MAX_PINNED_MESSAGES } from '@parley/contracts';
import type { ConversationState } from './conversation.ts';
import { isDeleted, resolve } from './decide-messages.ts';
import { accept, atLimit, type Decision, type Facts, reject } from './decider.ts';
import { reactionKey } from './evolve-messages.ts';

/** Beyond the newest reactions nobody remembers what is there: the event is made, and void in the folds when it says nothing new. */
export function react(
  state: ConversationState,
  { type, actor, data }: CommandOf<'message.react'> | CommandOf<'message.unreact'>,
  facts: Facts,
): Decision {
  const resolved = resolve(state, actor, facts.message);
  if ('refusal' in resolved) return resolved.refusal;
  if (isDeleted(state, resolved.fact)) return reject('message-deleted');
  const { messageId, emoji } = data;
  const { ordinal, senderId: authorId } = resolved.fact;
  const there = state.reactions.get(reactionKey(ordinal, emoji, actor));
  const wanted = type === 'message.react';
  if (there === wanted) return accept<typeof type>([], {});
  const event = wanted ? 'reaction.added' : 'reaction.removed';
  return accept<typeof type>([{ type: event, data: { messageId, ordinal, emoji, authorId } }], {});
}

export function pin(
  state: ConversationState,
  { actor, data }: CommandOf<'message.pin'>,
  facts: Facts,
): Decision {
  const resolved = resolve(state, actor, facts.message);
  if ('refusal' in resolved) return resolved.refusal;
  if (isDeleted(state, resolved.fact)) return reject('message-deleted');
  const { messageId } = data;
  const { ordinal } = resolved.fact;
  if (state.pinnedOrdinals.has(ordinal)) return accept<'message.pin'>([], {});
  if (state.pinnedOrdinals.size >= MAX_PINNED_MESSAGES) {
    return atLimit(`At most ${MAX_PINNED_MESSAGES} messages are pinned; unpin one first.`);
  }
  return accept<'message.pin'>([{ type: 'message.pinned', data: { messageId, ordinal } }], {});
}

export function unpin(
  state: ConversationState,
  { actor, data }: CommandOf<'message.unpin'>,
  facts: Facts,
): Decision {
  const resolved = resolve(state, actor, facts.message);
  if ('refusal' in resolved) return resolved.refusal;
  const { messageId } = data;
  const { ordinal } = resolved.fact;
  if (!state.pinnedOrdinals.has(ordinal)) return accept<'message.unpin'>([], {});
  return accept<'message.unpin'>([{ type: 'message.unpinned', data: { messageId, ordinal } }], {});
}
