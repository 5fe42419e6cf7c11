import type { Command } from '@parley/contracts';
import type { ConversationState } from './conversation.ts';
import { deny } from './decide-access.ts';
import { advance, confirmMessage, markUnread } from './decide-cursors.ts';
import { acceptInvite, declineInvite, invite } from './decide-invites.ts';
import { archive, create, deleteConversation, expireMessages, update } from './decide-lifecycle.ts';
import { addMembers, ban, join, leave, removeMembers, setRole, unban } from './decide-members.ts';
import { deleteMessage, denyWriting, edit, send } from './decide-messages.ts';
import { pin, react, unpin } from './decide-reactions.ts';
import { accept, type Decision, type Facts, reject } from './decider.ts';
import type { AddressedCommand } from './permissions.ts';

/**
 * Pure: what a command does to a conversation, or why not. Of what is written elsewhere (cursors, a user's own facts) it
 * makes no event but says what the conversation confirms. Time is the command's.
 */
export function decideConversation(state: ConversationState, command: Command, facts: Facts): Decision {
  if (command.type === 'conversation.create') return create(state, command, facts);
  if (!isAddressed(command)) return reject('not-allowed-here', { detail: 'This is about no conversation.' });
  return deny(state, command, facts) ?? decide(state, command, facts);
}

function isAddressed(command: Command): command is AddressedCommand {
  return 'conversationId' in command.data;
}

function decide(state: ConversationState, command: AddressedCommand, facts: Facts): Decision {
  switch (command.type) {
    case 'conversation.update':
      return update(state, command.data);
    case 'conversation.archive':
    case 'conversation.unarchive':
      return archive(state, command);
    case 'conversation.delete':
      return deleteConversation(command.data);
    case 'conversation.join':
      return join(state, command.actor);
    case 'conversation.leave':
      return leave(state, command.actor);
    case 'conversation.expire-messages':
      return expireMessages(state, command.data);
    case 'members.add':
      return addMembers(state, command);
    case 'members.remove':
      return removeMembers(state, command);
    case 'members.set-role':
      return setRole(state, command);
    case 'members.ban':
      return ban(state, command);
    case 'members.unban':
      return unban(state, command);
    case 'members.invite':
      return invite(state, command);
    case 'members.accept-invite':
      return acceptInvite(state, command);
    case 'members.decline-invite':
      return declineInvite(state, command);
    default:
      return decideOnMessages(state, command, facts);
  }
}

type MessageCommand = Exclude<AddressedCommand, { type: `conversation.${string}` | `members.${string}` }>;

function decideOnMessages(state: ConversationState, command: MessageCommand, facts: Facts): Decision {
  switch (command.type) {
    case 'message.send':
      return send(state, command, facts);
    case 'message.edit':
      return edit(state, command, facts);
    case 'message.delete':
      return deleteMessage(state, command.actor, command.data, facts);
    case 'message.react':
    case 'message.unreact':
      return react(state, command, facts);
    case 'message.pin':
      return pin(state, command, facts);
    case 'message.unpin':
      return unpin(state, command, facts);
    case 'message.schedule':
      return (
        denyWriting(state, command.actor) ?? accept<'message.schedule'>([], { scheduleId: command.id }, {})
      );
    case 'messages.read':
    case 'messages.delivered':
      return advance(state, command, facts);
    case 'messages.mark-unread':
      return markUnread(state, command.actor, command.data);
    case 'message.report':
    case 'user.hide-message':
      return confirmMessage(state, command, facts);
    case 'user.mute':
    case 'user.unmute':
    case 'user.archive':
    case 'user.unarchive':
    case 'user.pin':
    case 'user.unpin':
      return accept<typeof command.type>([], {}, {});
  }
}
