import type { EventType } from '../events.ts';

/** What each event says, and who learns of it. */
export const eventWords: Record<EventType, string> = {
  'conversation.created': 'A conversation begins, with its first members, settings and audience.',
  'conversation.updated':
    'Title, description, picture or settings changed. Only what changed is in it; null = taken away.',
  'conversation.archived': 'Nothing is written in the conversation from here on, until it is unarchived.',
  'conversation.unarchived': 'The conversation can be written in again.',
  'conversation.deleted': 'The conversation is gone from every list. The last event that people see of it.',
  'members.added': 'Users became members: they joined, were added or took an invitation.',
  'member.left': 'A member left.',
  'members.removed': 'Members were removed; they may come back.',
  'member.role-changed': 'A member has another role.',
  'member.banned': 'A user may not come in until the ban ends. Takes the membership away too.',
  'member.unbanned': 'A ban was lifted; the user is no member by that.',
  'member.invited': 'Users were invited; a later invitation of the same user replaces the one before.',
  'invite.declined': 'An invited user declined.',
  'invite.revoked': 'Invitations were taken back.',
  'message.sent': 'A message, main or in a thread. Its ordinal is the next one of the conversation.',
  'message.edited': 'The text and its mentions are replaced. Void once the message is deleted.',
  'message.deleted':
    'Of the message only its id, ordinal and sequence remain; earlier texts go too. It stays deleted.',
  'messages.expired': 'Retention: the texts of all messages up to this ordinal are gone.',
  'reaction.added': 'The actor reacts to a message with this emoji.',
  'reaction.removed': 'The actor takes that reaction back.',
  'message.pinned': 'A message is pinned for everybody.',
  'message.unpinned': 'A message is no longer pinned.',
  'cursor.lowered':
    'A user marked messages unread: the read cursor is exactly this. Other readers get it without its data.',
  'cursors.advanced': 'Users read or received messages. Entries merge by maximum, in any order.',
  'profile.changed': 'The user changed the profile. Only what changed is in it.',
  'preferences.changed': 'The user changed preferences. Only what changed is in it.',
  'inbox.muted': 'The user muted a conversation.',
  'inbox.unmuted': 'The user unmuted a conversation.',
  'inbox.archived': 'The user put a conversation away.',
  'inbox.unarchived': 'The user took a conversation back.',
  'inbox.pinned': 'The user pinned a conversation to the top of the own list.',
  'inbox.unpinned': 'The user unpinned a conversation.',
  'message.hidden': 'The user hid a message: for this user it is in no list, search or count.',
  'message.reported': 'The user reported a message; the moderators of its conversation see the report.',
  'user.blocked': 'The user blocked another: in their direct conversation neither writes.',
  'user.unblocked': 'The user took a block back.',
  'device.registered': 'A device is to be notified; the same id replaces what was known of it.',
  'device.removed': 'A device is no longer notified.',
  'message.scheduled': 'The user wrote a message that is to be sent later.',
  'schedule.cancelled': 'The scheduled message is not sent.',
  'schedule.released': 'Its time has come: from here on it cannot be cancelled.',
  'schedule.sent': 'It is in the conversation as a message with its id: nothing waits any more.',
  'schedule.failed': 'It could not be sent; `code` says why.',
  'notifications.read': 'The user read notifications, by id or all up to a sequence.',
};

/** How an older version that the log may hold differs: `<type>:<version>`. Readers get it as the current one. */
export const olderVersionWords: Record<string, string> = {
  'conversation.created:1': 'No audience and no settings: the defaults hold.',
  'members.added:1': 'No member count.',
  'message.sent:1': 'No threads, mentions, attachments or encryption.',
  'message.edited:1': 'No mentions, no thread and no encryption.',
  'message.deleted:1': 'No author and no thread.',
  'cursors.advanced:1': 'Read cursors of conversations only.',
};
