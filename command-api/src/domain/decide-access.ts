import type { Role } from '@parley/contracts';
import type { ConversationState } from './conversation.ts';
import { type Decision, type Facts, reject } from './decider.ts';
import { type AddressedCommand, atLeast, permissions, refusedWhenBlocked } from './permissions.ts';
import { banEnd, inAudience, openInvite } from './standing.ts';

/** Why this actor may not send this command here and now, or null. Who may not know of a conversation is told that there is none. */
export function deny(state: ConversationState, command: AddressedCommand, facts: Facts): Decision | null {
  const byService = command.type === 'conversation.expire-messages';
  if (state.type === null) return reject('not-found');
  if (state.deleted) {
    return reject(byService || state.roles.has(command.actor) ? 'conversation-deleted' : 'not-found');
  }
  if (byService) return null;
  const ban = banEnd(state, command.actor, command.at);
  if (ban !== null) return reject('banned', { detail: banDetail(ban) });
  const byRule = denyByRule(state, command);
  if (byRule) return byRule;
  if (state.archived && !permissions[command.type].whenArchived) return reject('conversation-archived');
  return facts.blocked && refusedWhenBlocked.has(command.type) ? reject('blocked') : null;
}

function banDetail(end: number): string {
  return end === Number.POSITIVE_INFINITY ? 'It has no end.' : `Until ${new Date(end).toISOString()}.`;
}

function denyByRule(
  state: ConversationState,
  command: Exclude<AddressedCommand, { type: 'conversation.expire-messages' }>,
): Decision | null {
  const role = state.roles.get(command.actor);
  const reached = inAudience(state, command.actor, command.segments);
  const invited = openInvite(state, command.actor, command.at) !== null;
  if (state.type === null || !(role || reached || invited || state.type === 'channel')) {
    return reject('not-found');
  }
  const rule = permissions[command.type][state.type];
  // Joining what one is in, and leaving what one is not in, change nothing, and nobody needs a right for that.
  if (command.type === 'conversation.join' && role) return null;
  if (command.type === 'conversation.leave' && !role && (reached || state.type === 'channel')) return null;
  switch (rule) {
    case 'nobody':
      return reject('not-allowed-here', {
        detail: `A ${state.type} conversation does not have ${command.type}.`,
      });
    case 'anyone':
      return null;
    case 'invited':
      return role || invited ? null : reject('forbidden', { detail: 'You have no open invite.' });
    case 'audience':
      return role || reached ? null : forbidStranger(state, invited);
    default:
      return role ? denyByRole(role, rule) : forbidStranger(state, invited);
  }
}

function denyByRole(role: Role, needed: Role): Decision | null {
  return atLeast(role, needed)
    ? null
    : reject('forbidden', { detail: `Needs the role ${needed} or higher.` });
}

function forbidStranger({ type }: ConversationState, invited: boolean): Decision {
  if (invited) return reject('forbidden', { detail: 'Accept the invite first.' });
  return reject('forbidden', { detail: type === 'channel' ? 'Join first.' : 'This is for members.' });
}
