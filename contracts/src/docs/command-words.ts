import type { CommandType } from '../commands.ts';
import type { ErrorCode } from '../errors.ts';
import { messageCommandWords } from './message-command-words.ts';
import { inside, service, typed, writingTyped } from './refusals.ts';

interface CommandWords {
  summary: string;
  /** Who may, what it does, and when nothing happens: a no-op is a success without an event. */
  description: string;
  /** Beyond those that every command may get. */
  codes: readonly ErrorCode[];
}

const conversations = {
  'conversation.create': {
    summary: 'Create a conversation',
    description:
      'Anybody may; the creator owns it. A direct one names exactly one other user and exists once for the two. One that exists already and that the caller is in is a no-op.',
    codes: ['not-found', 'blocked', 'self-message', 'conversation-deleted'],
  },
  'conversation.update': {
    summary: 'Change title, description, picture or settings',
    description:
      'For admins. Null takes a value away. What is as it was is not changed; when nothing is left, a no-op.',
    codes: writingTyped,
  },
  'conversation.archive': {
    summary: 'Stop all writing',
    description: 'For admins. Reading goes on. Archived already: a no-op.',
    codes: typed,
  },
  'conversation.unarchive': {
    summary: 'Allow writing again',
    description: 'For admins. Not archived: a no-op.',
    codes: typed,
  },
  'conversation.delete': {
    summary: 'Delete a conversation for everybody',
    description: 'For owners. It leaves every list and stays deleted.',
    codes: typed,
  },
  'conversation.join': {
    summary: 'Join a channel',
    description: 'Anybody who is not banned may. A member already: a no-op that tells the role.',
    codes: writingTyped,
  },
  'conversation.leave': {
    summary: 'Leave',
    description: 'Any member may, but the last owner cannot. No member: a no-op.',
    codes: [...typed, 'last-owner'],
  },
  'conversation.expire-messages': {
    summary: 'Empty old messages (service)',
    description:
      'Retention, for tokens with the scope `parley:service`: the messages up to the ordinal lose their content. At most 5,000 further ones at a time. Expired already: a no-op.',
    codes: [...service, 'conversation-deleted'],
  },
} as const;

const members = {
  'members.add': {
    summary: 'Add members',
    description:
      'For moderators (broadcast: admins), who give only roles below their own. Members already are left out; a banned user is refused.',
    codes: writingTyped,
  },
  'members.remove': {
    summary: 'Remove members',
    description: 'For moderators (broadcast: admins), over lower ranks. Who is no member is left out.',
    codes: typed,
  },
  'members.set-role': {
    summary: 'Change the role of a member',
    description:
      'For admins, over lower ranks and for roles below their own; owners over everybody. The same role: a no-op.',
    codes: [...writingTyped, 'last-owner'],
  },
  'members.ban': {
    summary: 'Ban a user',
    description:
      'For moderators (broadcast: admins), over lower ranks. Takes the membership and an open invitation away. The same ban again: a no-op.',
    codes: typed,
  },
  'members.unban': {
    summary: 'Lift a ban',
    description: 'For moderators (broadcast: admins). The user is no member by that. Not banned: a no-op.',
    codes: typed,
  },
  'members.invite': {
    summary: 'Invite users',
    description:
      'For moderators (broadcast: admins), with a role below their own. At most 1,000 invitations are open at a time. Members already are left out; a banned user is refused.',
    codes: [...writingTyped, 'limit-reached'],
  },
  'members.accept-invite': {
    summary: 'Accept an invitation',
    description: 'For invited users. A member already: a no-op that tells the role.',
    codes: writingTyped,
  },
  'members.decline-invite': {
    summary: 'Decline an invitation',
    description: 'For invited users. Not invited any more: a no-op.',
    codes: typed,
  },
} as const;

const user = {
  'user.set-profile': {
    summary: 'Change your profile',
    description: 'Only what is named changes; null takes a value away. Nothing new: a no-op.',
    codes: [],
  },
  'user.set-preferences': {
    summary: 'Change your preferences',
    description:
      'Only what is named changes; null for a conversation takes its own level away. Nothing new: a no-op.',
    codes: ['limit-reached'],
  },
  'user.mute': {
    summary: 'Mute a conversation',
    description: 'For you alone. With `until` it ends by itself. Muted so already: a no-op.',
    codes: inside,
  },
  'user.unmute': { summary: 'Unmute a conversation', description: 'Not muted: a no-op.', codes: inside },
  'user.archive': {
    summary: 'Put a conversation away',
    description:
      'For you alone. It comes back with its next message, unless your preferences say otherwise. Repeated, it puts away what came back.',
    codes: inside,
  },
  'user.unarchive': {
    summary: 'Take a conversation back',
    description: 'Not archived: a no-op.',
    codes: inside,
  },
  'user.pin': {
    summary: 'Pin a conversation to the top of your list',
    description: 'For you alone. Pinned already: a no-op.',
    codes: inside,
  },
  'user.unpin': { summary: 'Unpin a conversation', description: 'Not pinned: a no-op.', codes: inside },
  'user.hide-message': {
    summary: 'Hide a message from yourself',
    description: 'It is in none of your lists, searches and counts any more. Hidden already: a no-op.',
    codes: inside,
  },
  'user.block': {
    summary: 'Block a user',
    description:
      'In your direct conversation neither of you writes while it holds. Blocked already: a no-op.',
    codes: ['self-message'],
  },
  'user.unblock': {
    summary: 'Take a block back',
    description: 'Not blocked: a no-op.',
    codes: ['self-message'],
  },
  'user.register-device': {
    summary: 'Register a device for notifications',
    description: 'At most 20. The same id replaces what was known of it; nothing new: a no-op.',
    codes: ['limit-reached'],
  },
  'user.remove-device': { summary: 'Remove a device', description: 'Not registered: a no-op.', codes: [] },
  'notifications.read': {
    summary: 'Mark notifications read',
    description:
      'Those named by `ids`, or all up to the sequence `upTo`, which a notification and the position of any answer have; not beyond the end of the log. Not further than before: a no-op.',
    codes: [],
  },
} as const;

export const commandWords: Record<CommandType, CommandWords> = {
  ...conversations,
  ...members,
  ...messageCommandWords,
  ...user,
};
