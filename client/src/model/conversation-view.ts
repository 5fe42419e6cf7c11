import type { ConversationEvent, ConversationView, EventOf, Settings } from '@parley/contracts';

const PREVIEW_CHARACTERS = 140;

type Changes = Partial<Pick<ConversationView, 'title' | 'description' | 'avatar'>> & {
  settings?: Partial<Settings>;
};

/** Characters are code points, as the server counts them. */
export function previewOf(body: string | undefined): string | null {
  if (body === undefined) return null;
  if (body.length <= PREVIEW_CHARACTERS) return body;
  return Array.from(body.slice(0, 2 * PREVIEW_CHARACTERS))
    .slice(0, PREVIEW_CHARACTERS)
    .join('');
}

/** The conversation after one more event. The preview of an edited message is its model's business. */
export function foldConversation(view: ConversationView, event: ConversationEvent): ConversationView {
  switch (event.type) {
    case 'conversation.updated': {
      // Optional is absent in JSON, never undefined.
      const { settings, ...changes } = event.data as Changes;
      return { ...view, ...changes, settings: { ...view.settings, ...settings } };
    }
    case 'conversation.archived':
      return { ...view, archived: true };
    case 'conversation.unarchived':
      return { ...view, archived: false };
    case 'members.added': {
      const { members, memberCount } = event.data;
      return { ...view, memberCount: memberCount ?? view.memberCount + members.length };
    }
    case 'member.left':
      return { ...view, memberCount: view.memberCount - 1 };
    case 'members.removed':
      return { ...view, memberCount: view.memberCount - event.data.userIds.length };
    case 'member.banned':
      return event.data.role ? { ...view, memberCount: view.memberCount - 1 } : view;
    case 'message.sent':
      return withMessage(view, event);
    case 'message.deleted':
      return withoutPreview(view, event.data.ordinal);
    case 'messages.expired':
      return (view.lastMessage?.ordinal ?? Number.POSITIVE_INFINITY) <= event.data.throughOrdinal
        ? { ...view, lastMessage: null }
        : view;
    default:
      return view;
  }
}

function withMessage(view: ConversationView, event: EventOf<'message.sent'>): ConversationView {
  const { messageId, ordinal, body, threadId } = event.data;
  const counted = { ...view, messageCount: ordinal };
  if (threadId !== undefined) return counted;
  const lastMessage = {
    messageId,
    ordinal,
    senderId: event.actor,
    preview: previewOf(body),
    sentAt: event.time,
  };
  return { ...counted, lastMessage };
}

/** The newest message stays the newest when it is deleted or the viewer hides it; its text goes. */
export function withoutPreview(view: ConversationView, ordinal: number): ConversationView {
  const { lastMessage } = view;
  if (lastMessage?.ordinal !== ordinal) return view;
  return { ...view, lastMessage: { ...lastMessage, preview: null } };
}
