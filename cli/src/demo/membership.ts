import type { LogEvent } from '@parley/contracts';

export interface MembershipChange {
  conversationId: string;
  joined: string[];
  left: string[];
}

/** Who enters and who goes by an event of a conversation. */
export function membershipIn(event: LogEvent): MembershipChange {
  const change: MembershipChange = {
    conversationId: event.subject.replace(/^conversation\//, ''),
    joined: [],
    left: [],
  };
  switch (event.type) {
    case 'conversation.created':
    case 'members.added':
      change.joined = event.data.members.map((member) => member.userId);
      break;
    case 'member.left':
      change.left = [event.data.userId];
      break;
    case 'members.removed':
      change.left = event.data.userIds;
  }
  return change;
}
