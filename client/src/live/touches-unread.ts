import { type CommitItem, isKnown } from '@parley/contracts';

/** Whether the numbers of the badge may be others after a commit. What others read or how they react is none of them. */
export function touchesUnread({ events }: CommitItem, userId: string): boolean {
  return events.some((event) => {
    if (!isKnown(event)) return false;
    switch (event.type) {
      case 'message.sent':
      case 'message.edited':
      case 'message.deleted':
      case 'messages.expired':
      case 'message.hidden':
      case 'conversation.deleted':
      case 'inbox.muted':
      case 'inbox.unmuted':
      case 'inbox.archived':
      case 'inbox.unarchived':
        return true;
      case 'conversation.updated':
        return event.data.settings?.historyVisibility !== undefined;
      case 'members.added':
        return event.data.members.some((member) => member.userId === userId);
      case 'members.removed':
        return event.data.userIds.includes(userId);
      case 'member.left':
      case 'member.banned':
      case 'cursor.lowered':
        return event.data.userId === userId;
      case 'cursors.advanced':
        return event.data.entries.some((entry) => entry.userId === userId);
      default:
        return false;
    }
  });
}
