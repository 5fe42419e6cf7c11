import type { CommandData, CommandOf } from '@parley/contracts';
import type { ConversationState, Lowering } from './conversation.ts';
import { resolve } from './decide-messages.ts';
import { accept, type Confirmation, type Decision, type Facts, reject, rejectField } from './decider.ts';
import { floorOf } from './standing.ts';

type Advance = CommandOf<'messages.read'> | CommandOf<'messages.delivered'>;

/** The cursor itself goes to a log subject without order; here only whether this user may move it that far. */
export function advance(state: ConversationState, command: Advance, facts: Facts): Decision {
  const { type, actor, data } = command;
  const { ordinal } = data;
  if (ordinal > state.messageCount) return beyond(state);
  if (command.type === 'messages.read' && command.data.threadId !== undefined) {
    return advanceInThread(state, actor, command.data, facts);
  }
  const lowered = newestLowering(state, actor);
  const confirmed: Confirmation = {
    ordinal,
    ...(!state.roles.has(actor) && { audience: true }),
    ...(!state.settings.receipts && { private: true }),
    ...(lowered && { lowered }),
  };
  return accept<typeof type>([], { ordinal }, confirmed);
}

/** Of a member whose lowering may be forgotten, the one that says least: nothing counts as read before it. */
function newestLowering(state: ConversationState, actor: string): Lowering | undefined {
  const { loweredForgotten: version } = state;
  const forgotten = version > 0 && state.roles.has(actor) ? { ordinal: 0, version } : undefined;
  return state.lowered.get(actor) ?? forgotten;
}

/** Of a thread whose root is gone the replies may still be unread. Whoever is no member follows none. */
function advanceInThread(
  state: ConversationState,
  actor: string,
  { ordinal }: CommandData<'messages.read'>,
  { thread = 'unknown' }: Facts,
): Decision {
  if (!state.roles.has(actor)) return membersOnly();
  if (typeof thread === 'string') return rejectField('threadId', 'no such message in this conversation');
  if (thread.threadOrdinal !== null) return rejectField('threadId', 'is itself a reply in a thread');
  return accept<'messages.read'>([], { ordinal }, { ordinal, threadOrdinal: thread.ordinal });
}

/** What the user cannot see stays read. Where the cursor is now is not known here, so there is always an event. */
export function markUnread(
  state: ConversationState,
  actor: string,
  data: CommandData<'messages.mark-unread'>,
): Decision {
  if (!state.roles.has(actor)) return membersOnly();
  if (data.ordinal > state.messageCount) return beyond(state);
  const ordinal = Math.max(data.ordinal - 1, floorOf(state, actor));
  return accept<'messages.mark-unread'>([{ type: 'cursor.lowered', data: { userId: actor, ordinal } }], {
    ordinal,
  });
}

/** For what is written in the user's own facts: that there is such a message, and whose it is. */
export function confirmMessage(
  state: ConversationState,
  { type, actor }: CommandOf<'message.report'> | CommandOf<'user.hide-message'>,
  facts: Facts,
): Decision {
  const resolved = resolve(state, actor, facts.message);
  if ('refusal' in resolved) return resolved.refusal;
  const { ordinal, senderId: authorId } = resolved.fact;
  if (type === 'message.report' && authorId === actor) {
    return reject('not-allowed-here', { detail: 'Nobody reports their own message.' });
  }
  return accept<typeof type>([], {}, { ordinal, authorId });
}

function membersOnly(): Decision {
  return reject('not-allowed-here', { detail: 'This is for members.' });
}

function beyond({ messageCount }: ConversationState): Decision {
  return rejectField('ordinal', `the newest message is ${messageCount}`);
}
